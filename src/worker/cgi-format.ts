// Whether a file is one that the system runs by itself, as a CGI program must be.

import { closeSync, constants, openSync, readSync } from 'node:fs';
import { PosternError, shortages } from '../errors.ts';
import { bytesToLog } from '../protocol/text.ts';

/** How the files begin that a system runs by itself: "#!", ELF, Mach-O in its four orders, a Mach-O for several processors, Windows' MZ. */
const executable = /^(?:2321|7f454c46|feedface|feedfacf|cefaedfe|cffaedfe|cafebabe|4d5a)/;
const magicBytes = 4;

/**
 * Refuses a file that the system could not run by itself: execvp(3), by which it is started, would give it to /bin/sh, whatever it is.
 * What we may not read, or is not there, is left to the start.
 * @param path a byte string
 * @throws PROGRAM_NOT_STARTED
 */
export function checkFormat(path: string): void {
  const magic = Buffer.alloc(magicBytes);
  let length: number;
  try {
    const file = openSync(Buffer.from(path, 'latin1'), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      length = readSync(file, magic, 0, magicBytes, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (shortages.has((error as NodeJS.ErrnoException).code)) throw error;
    return;
  }
  if (executable.test(magic.toString('hex', 0, length))) return;
  throw new PosternError(
    'PROGRAM_NOT_STARTED',
    `${bytesToLog(path, 1000)} is no binary and does not begin with "#!": name its interpreter in its first line, as in #!/bin/sh`,
  );
}
