// Files of the service's own, configuration and log, which a document root may hold too: by whatever name they are asked for, and their copies.
//
// 1. The file itself, by its path and by its inode: a hard link is the same file.
// 2. In its folder, each name that begins with its own: "postern.log.1", "postern.log.2.gz", "postern.toml.save".
// 3. In its folder, each name that begins and ends as its own: "postern-20260101.log.gz".
// 4. In the folder of a configuration, each other one: "prod.toml" holds what "postern.toml" does.

import { realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { lowerAscii } from '../protocol/http/path.ts';
import { textToBytes } from '../protocol/text.ts';

/** One of them, as it is now. Byte strings; name, stem and extension in lower case. */
interface OwnFile {
  readonly folder: string;
  readonly name: string;
  readonly stem: string;
  readonly extension: string;
  /** null: it is not there. */
  readonly stats: Stats | null;
}

/** The service's own files. */
export class OwnFiles {
  readonly #paths: readonly string[];
  #files: readonly OwnFile[] = [];

  /** @param paths absolute, as texts */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** Looks where they are now. */
  renew(): void {
    this.#files = this.#paths.flatMap((path) => [...new Set([path, real(path)])].map(ownFile));
  }

  /** Whether a file is one of them, or a copy. @param path its real path, a byte string */
  has(path: string, stats: Stats): boolean {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    const name = lowerAscii(path.slice(slash + 1));
    return this.#files.some((own) => {
      if (own.stats !== null && own.stats.ino === stats.ino && own.stats.dev === stats.dev) return true;
      return own.folder === folder && isCopy(own, name);
    });
  }
}

function isCopy({ name: own, stem, extension }: OwnFile, name: string): boolean {
  if (name.startsWith(own) && !/[a-z]/.test(name.charAt(own.length))) return true;
  if (extension === '') return false;
  const at = name.lastIndexOf(extension);
  if (at === -1 || /[a-z0-9]/.test(name.charAt(at + extension.length))) return false;
  return extension === '.toml' || (name.startsWith(stem) && !/[a-z0-9]/.test(name.charAt(stem.length)));
}

function ownFile(path: string): OwnFile {
  const name = lowerAscii(textToBytes(basename(path)));
  const extension = extname(name);
  const folder = textToBytes(real(dirname(path)));
  const stats = statsOf(path);
  return {
    folder: folder === '/' ? '' : folder,
    name,
    stem: name.slice(0, name.length - extension.length),
    extension,
    stats,
  };
}

function statsOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null; // it is not there, or not for us
  }
}

/** Its real path, also where only its folder is there. */
function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // it is not there, or not yet
  }
  try {
    return join(realpathSync.native(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
