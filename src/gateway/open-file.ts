// Opens the file that was looked up, and no other: a program that may write under the root could put a link in the place of a file or
// folder meanwhile, and have files sent that only this process may read.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { PosternError } from '../errors.ts';
import { bytesToLog } from '../protocol/text.ts';
import { systemPath } from './document-root.ts';

/** A file that is open; whoever gets it closes it. */
export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
}

/** @param path real path, a byte string @throws FORBIDDEN, NOT_FOUND */
export function openFile(path: string): OpenFile {
  let fd: number;
  try {
    // NONBLOCK: should it have become a pipe since, opening must not wait for a writer.
    fd = openSync(systemPath(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new PosternError('FORBIDDEN', `${bytesToLog(path, 1024)} may not be read (${code})`, {
        cause: error,
        isHint: true,
      });
    }
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') throw gone(path);
    throw error;
  }
  const stats = fstatSync(fd);
  if (stats.isFile() && isStillAt(path, fd, stats)) return { fd, stats };
  closeSync(fd);
  throw gone(path);
}

/** Reads a part of an open file, and closes it; less where it has become shorter. */
export function readPart(fd: number, start: number, length: number): Buffer {
  try {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, start));
  } finally {
    closeSync(fd);
  }
}

/** What is at a path now, without a link being followed; null: nothing that can be looked at. */
export function statsAt(path: string): Stats | null {
  try {
    return lstatSync(systemPath(path), absenceIsNoError) ?? null;
  } catch {
    return null;
  }
}

/** Without options of the caller's own, Node makes some at each call, in a way that takes as long as the system call itself. */
const absenceIsNoError = { throwIfNoEntry: false, bigint: false } as const;

/** Whether a file is the one it was and nobody wrote to it, or changed who may read it. */
export function isUnchanged(now: Stats, then: Stats): boolean {
  return isSame(now, then) && now.size === then.size && now.mtimeMs === then.mtimeMs && now.ctimeMs === then.ctimeMs;
}

/** Whether an open file is at its path without a link on the way. */
function isStillAt(path: string, fd: number, stats: Stats): boolean {
  // What the kernel says is true of the open file itself; elsewhere the path is looked at again.
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`, 'latin1') === path;
    } catch {
      // without /proc
    }
  }
  try {
    return realpathSync.native(systemPath(path), 'latin1') === path && isSame(lstatSync(systemPath(path)), stats);
  } catch {
    return false;
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function gone(path: string): PosternError {
  return new PosternError('NOT_FOUND', `${bytesToLog(path, 1024)} is not there any more`);
}
