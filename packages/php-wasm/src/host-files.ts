// The file system of this machine inside embedded PHP, each folder at its own absolute path.

import { readdirSync, statSync } from 'node:fs';
import type { PHP } from '@php-wasm/universal';

/** Folders of the root that PHP's own file system has, or that would mean nothing there. */
const ownFolders = new Set(['dev', 'proc', 'sys', 'internal', 'request']);

/** Mounts the folders of the root, so that a path means the same inside and outside. */
export async function mountHostFiles(php: PHP): Promise<void> {
  for (const name of readdirSync('/')) {
    const path = `/${name}`;
    if (ownFolders.has(name) || !isFolder(path)) continue;
    if (!php.fileExists(path)) php.mkdir(path);
    await php.mount(path, (_php, files, point) => {
      files.mount(files.filesystems.NODEFS, { root: path }, point);
      return () => files.unmount(point);
    });
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // gone, a dangling link, or closed to us
  }
}
