// Folders of this user's embedded PHP processes, which share them: sessions, uploads, locks.

import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PhpFolders } from './php-ini.ts';

/** Makes the folders where they are missing; nobody else can read them. */
export function privateFolders(parent: string = tmpdir()): PhpFolders & { readonly locks: string } {
  const own = ownFolder(join(parent, `postern-php-${userId()}`)) ?? mkdtempSync(join(parent, 'postern-php-'));
  const folder = (name: string) => {
    const path = join(own, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  return { sessions: folder('sessions'), uploads: folder('uploads'), locks: folder('locks') };
}

/** The folder, if it is ours alone; in a folder that all may write to, somebody else could have made one of that name. */
function ownFolder(path: string): string | null {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const status = lstatSync(path);
  const { uid, mode } = status;
  return status.isDirectory() && uid === userId() && (mode & 0o077) === 0 ? path : null;
}

/** As the system counts them; Windows has none. */
function userId(): number {
  return process.getuid?.() ?? 0;
}
