// The system calls for file locks that embedded PHP makes, on a table that all embedded PHPs of the user share.

import { lookup } from 'node:dns/promises';
import { fstatSync } from 'node:fs';
import type { UserSpace, UserSpaceContext } from '@php-wasm/universal';
import { type LockKind, type LockRequest, type LockTable, lastByte } from './lock-table.ts';

/** Offsets in the build's struct flock. */
const flockFields = { type: 0, whence: 2, start: 8, length: 16, pid: 24 };

/** A lock that is waited for is asked for again after so long; PHP does nothing else meanwhile. */
const retryMs = 5;
/** Two who wait for each other would wait for ever. */
const patienceMs = 60_000;

/** Makes the calls for one PHP. */
export function userSpace(table: LockTable, context: UserSpaceContext): UserSpace {
  const { constants, errnoCodes, memory, wasmImports, syscalls, FS } = context;
  /** Native descriptors on which locks were taken, and their files. */
  const lockedFiles = new Map<number, string>();

  const nativeOf = (fd: number): number | null => {
    try {
      return syscalls.getStreamFromFD(fd).nfd ?? null;
    } catch {
      return null;
    }
  };

  const take = (native: number, request: LockRequest, waits: boolean): boolean => {
    for (let waitedMs = 0; table.take(request) !== null; waitedMs += retryMs) {
      if (!waits || waitedMs >= patienceMs) return false;
      sleep(retryMs);
    }
    lockedFiles.set(native, request.file);
    return true;
  };

  function flock(fd: number, operation: number): number {
    const native = nativeOf(fd);
    // In PHP's own file system, which nobody else sees.
    if (native === null) return 0;
    const what = operation & ~constants.LOCK_NB;
    const request = whole('flock', native, what === constants.LOCK_EX);
    if (what === constants.LOCK_UN) table.release(request);
    else if (what !== constants.LOCK_EX && what !== constants.LOCK_SH) return -errnoCodes.EINVAL;
    else if (!take(native, request, what === operation)) return -errnoCodes.EWOULDBLOCK;
    return 0;
  }

  function fcntl64(fd: number, command: number, parameters = 0): number {
    const { F_GETLK, F_SETLK, F_SETLKW, F_RDLCK, F_WRLCK, F_UNLCK, SEEK_SET } = constants;
    if (command !== F_GETLK && command !== F_SETLK && command !== F_SETLKW) {
      return wasmImports.builtin_fcntl64(fd, command, parameters);
    }
    const at = memory.HEAP32.get(parameters >> 2);
    const native = nativeOf(fd);
    const type = memory.HEAP16.get((at + flockFields.type) >> 1);
    if (native === null) {
      if (command === F_GETLK) memory.HEAP16.set((at + flockFields.type) >> 1, F_UNLCK);
      return 0;
    }
    const first = beginning(fd, at, native);
    const length = Number(memory.HEAP64.get((at + flockFields.length) >> 3));
    if (first < 0 || length < 0) return -errnoCodes.EINVAL;
    const last = length === 0 ? lastByte : first + length - 1;
    const request = { ...whole('fcntl', native, type === F_WRLCK), first, last };
    if (command === F_GETLK) {
      const held = table.find(request);
      memory.HEAP16.set((at + flockFields.type) >> 1, held === null ? F_UNLCK : held.isExclusive ? F_WRLCK : F_RDLCK);
      if (held !== null) {
        memory.HEAP16.set((at + flockFields.whence) >> 1, SEEK_SET);
        memory.HEAP64.set((at + flockFields.start) >> 3, BigInt(held.first));
        memory.HEAP64.set(
          (at + flockFields.length) >> 3,
          BigInt(held.last === lastByte ? 0 : held.last - held.first + 1),
        );
        memory.HEAP32.set((at + flockFields.pid) >> 2, held.pid);
      }
      return 0;
    }
    if (type === F_UNLCK) table.release(request);
    else if (!take(native, request, command === F_SETLKW)) return -errnoCodes.EAGAIN;
    return 0;
  }

  /** The first byte of a struct flock. */
  function beginning(fd: number, at: number, native: number): number {
    const start = Number(memory.HEAP64.get((at + flockFields.start) >> 3));
    const whence = memory.HEAP16.get((at + flockFields.whence) >> 1);
    if (whence === constants.SEEK_CUR) return start + FS.llseek(syscalls.getStreamFromFD(fd), 0, whence);
    return whence === constants.SEEK_END ? start + fstatSync(native).size : start;
  }

  function fd_close(fd: number): number {
    const native = nativeOf(fd);
    const file = native === null ? undefined : lockedFiles.get(native);
    const result = wasmImports.builtin_fd_close(fd);
    if (native !== null && file !== undefined && result === 0) {
      lockedFiles.delete(native);
      table.releaseOwner('flock', file, ownerOf('flock', native));
      // As POSIX has it: closing any descriptor of a file gives up the process's ranges of it.
      table.releaseOwner('fcntl', file, ownerOf('fcntl', native));
    }
    return result;
  }

  function js_release_file_locks(): void {
    if (lockedFiles.size === 0) return;
    lockedFiles.clear();
    table.releaseAll();
  }

  const gethostbyname = async (name: string): Promise<string> => (await lookup(name, { family: 4 })).address;
  return { flock, fcntl64, fd_close, js_release_file_locks, gethostbyname };
}

function whole(kind: LockKind, native: number, isExclusive: boolean): LockRequest {
  const { dev, ino } = fstatSync(native);
  return { kind, file: `${dev}:${ino}`, owner: ownerOf(kind, native), isExclusive, first: 0, last: lastByte };
}

function ownerOf(kind: LockKind, native: number): string {
  return kind === 'flock' ? String(native) : '';
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
