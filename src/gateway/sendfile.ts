// X-Sendfile and X-Accel-Redirect: a program's answer that names a file to send in its place, from configured folders only.

import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { PosternError } from '../errors.ts';
import { parseTarget } from '../protocol/http/path.ts';
import { bytesToLog, textToBytes } from '../protocol/text.ts';
import { systemPath } from './document-root.ts';
import type { FileName } from './server-fields.ts';
import type { SendfileFolder } from './site.ts';
import type { FoundFile } from './static-file.ts';

/**
 * Finds the file, by its real path, under one of the folders.
 * @throws SENDFILE_REFUSED where there is no folder at all, ANSWER_INVALID for a file outside of them, NOT_FOUND where there is none
 */
export function findSendfile(name: FileName, folders: readonly SendfileFolder[]): FoundFile {
  if (folders.length === 0) {
    throw new PosternError(
      'SENDFILE_REFUSED',
      `a program named a file to be sent, ${shown(name.value)}, but the site has no folder for that: add a [[sendfile]] to it`,
    );
  }
  const path = name.by === 'path' ? name.value : pathOfUrl(name.value, folders);
  // A relative name would mean a folder of this process, which no program knows.
  if (path === null || !isAbsolute(path)) throw outside(name);
  const real = realPathOf(path);
  if (real !== null && !folders.some(({ folder }) => isUnder(real, folder))) throw outside(name);
  if (real === null || !isFile(real)) {
    throw new PosternError('NOT_FOUND', `a program named what is no file: ${shown(path)}`);
  }
  return { realPath: real };
}

function pathOfUrl(url: string, folders: readonly SendfileFolder[]): string | null {
  let path: string;
  try {
    ({ path } = parseTarget(url));
  } catch {
    return null; // no path that a client could send; the program's fault, not its client's
  }
  for (const { folder, prefix } of folders) {
    const bytes = prefix === null ? null : textToBytes(prefix);
    if (bytes !== null && path.startsWith(bytes)) return join(textToBytes(folder), path.slice(bytes.length));
  }
  return null;
}

function isUnder(real: string, folder: string): boolean {
  const realFolder = realPathOf(textToBytes(folder));
  return realFolder !== null && real.startsWith(join(realFolder, '/'));
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync.native(systemPath(path), 'latin1');
  } catch {
    return null; // it is not there, or not for us
  }
}

/** It may have gone since it was found. */
function isFile(path: string): boolean {
  try {
    return statSync(systemPath(path)).isFile();
  } catch {
    return false;
  }
}

function outside({ value }: { readonly value: string }): PosternError {
  return new PosternError(
    'ANSWER_INVALID',
    `a program named a file outside the configured folders: ${shown(value)}: see sendfile`,
  );
}

function shown(bytes: string): string {
  return `"${bytesToLog(bytes, 200)}"`;
}
