// The log of a service: JSON lines to a file, standard output or standard error, through pino.

import { resolve } from 'node:path';
import { type Logger, pino } from 'pino';
import { PosternError } from '../errors.ts';
import type { ConfigValues } from './config-schema.ts';

/** A log, and its life. */
export interface LogFile {
  readonly log: Logger;
  /** Opens the file again by its name, after it was moved away (USR1). Does nothing for standard output. */
  reopen(): void;
  /** Writes what is still in memory. Repeatable. */
  flush(): void;
}

/**
 * Opens the log that the configuration asks for.
 * @throws CONFIG_INVALID when the file cannot be opened
 */
export function openLog({ level, file = 'stdout' }: ConfigValues['log'], folder: string): LogFile {
  const standard = file === 'stdout' ? 1 : file === 'stderr' ? 2 : null;
  const path = standard === null ? resolve(folder, file) : null;
  let destination: ReturnType<typeof pino.destination>;
  try {
    destination = pino.destination({ dest: path ?? standard!, sync: true, append: true });
  } catch (error) {
    throw new PosternError('CONFIG_INVALID', `file in [log]: ${(error as Error).message}`, { cause: error });
  }
  // A full disk or a closed pipe is no reason to stop serving; pino drops the line.
  destination.on('error', () => {});
  const log = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    log,
    reopen: () => {
      if (path !== null) destination.reopen(path);
    },
    flush: () => destination.flushSync(),
  };
}
