// The descriptor of a file that lines are appended to: how it is opened, and what kind of file it is.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync, writeSync } from 'node:fs';

/** Addresses of clients and of pages are not for every user of the machine. */
const fileMode = 0o640;
export const newline = 0x0a;

/**
 * Opens a file to append to. A symbolic link is refused: whoever may write to the folder of the log could have the service, which
 * may have more rights than he, write into any file. A pipe that nobody reads is refused, too, and never waited for.
 */
export function openLogFile(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, fileMode);
  if (endsInALine(path)) return descriptor;
  // What a service that was killed left half is ended, so that no line is glued to it.
  try {
    writeSync(descriptor, '\n');
  } catch {
    // The disk is full: that is told of when the first line is written.
  }
  return descriptor;
}

function endsInALine(path: string): boolean {
  const { size } = statSync(path);
  if (size === 0) return true;
  try {
    const reading = openSync(path, 'r');
    const last = Buffer.alloc(1);
    readSync(reading, last, 0, 1, size - 1);
    closeSync(reading);
    return last[0] === newline;
  } catch {
    return true; // it may be written but not read
  }
}

export function isPipe(descriptor: number): boolean {
  const kind = fstatSync(descriptor);
  return kind.isFIFO() || kind.isSocket();
}

export function isSameFile(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.rdev === other.rdev;
}
