// A file that has no name, for what does not fit into memory: nothing is left of it, whatever happens to this process.

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PosternError, shortages } from '../errors.ts';

/** An open file. */
export interface UnnamedFile {
  readonly handle: FileHandle;
  /** Where it still has a name, to be removed once it is closed (Windows removes nothing that is open); null: it has none. */
  readonly leftPath: string | null;
}

// Linux makes a file that never had a name, so that even a process that is killed between two calls leaves none. Node does not tell the flag.
const O_TMPFILE = process.platform === 'linux' ? 0o20000000 | (constants.O_DIRECTORY ?? 0) : null;

/** What file systems and old kernels without such files say; EISDIR and ENOENT by those that do not know the flag at all. */
const UNKNOWN_FLAG = new Set(['EOPNOTSUPP', 'EINVAL', 'EISDIR', 'ENOENT']);

/** Opens a new file in a folder, to be written and read. @param openFile a test's stand-in */
export async function openUnnamed(folder: string, openFile: typeof open = open): Promise<UnnamedFile> {
  if (O_TMPFILE !== null) {
    try {
      return { handle: await openFile(folder, constants.O_RDWR | O_TMPFILE, 0o600), leftPath: null };
    } catch (error) {
      if (!UNKNOWN_FLAG.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  const path = join(folder, `postern-${randomUUID()}.spool`);
  const handle = await openFile(path, 'wx+', 0o600);
  const leftPath = await unlink(path).then(
    () => null,
    () => path,
  );
  return { handle, leftPath };
}

/** Closes one, once nothing is under way in it any more. Never throws. */
export function closeUnnamed({ handle, leftPath }: UnnamedFile): void {
  handle.close().catch(() => {});
  if (leftPath !== null) unlink(leftPath).catch(() => {});
}

/** Why a request body cannot be kept: SPOOL_BUSY or SPOOL_FULL. */
export function spoolError(error: unknown, folder: string): PosternError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (shortages.has(code)) {
    const message = `no file could be opened for a request body in ${folder} (${code}): raise the limit of open files`;
    return new PosternError('SPOOL_BUSY', message, { cause: error });
  }
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const what = isFull
    ? `there is no room for a request body in ${folder} (${code})`
    : `a request body cannot be kept in ${folder}: ${String(error)}`;
  return new PosternError('SPOOL_FULL', `${what}: make room, or set another spoolFolder`, { cause: error });
}
