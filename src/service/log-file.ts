// The log of a service: JSON lines to a file, standard output or standard error, through pino.

import { resolve } from 'node:path';
import { type Logger, pino } from 'pino';
import { PosternError } from '../errors.ts';
import type { AccessLog } from '../gateway/access-log.ts';
import { AccessLines } from './access-line.ts';
import type { ConfigValues } from './config-schema.ts';

/** A log, and its life. */
export interface LogFile {
  readonly log: Logger;
  /** Writes a line for each request, unless the level is above info. */
  readonly access: AccessLog;
  /** Opens the file again by its name, after it was moved away (USR1). Does nothing for standard output. */
  reopen(): void;
  /** Writes what is still in memory. Repeatable. */
  flush(): void;
}

/** Lines are gathered to so many characters, or for so long: a system call a line costs more than the line. */
const gatheredCharacters = 8_192;
const gatheredMs = 100;
/** pino's number for it. From here on lines are written at once: they may be the last. */
const warnLevel = 40;

/**
 * Opens the log that the configuration asks for.
 * @throws CONFIG_INVALID when the file cannot be opened
 */
export function openLog({ level, file = 'stdout' }: ConfigValues['log'], folder: string): LogFile {
  const standard = file === 'stdout' ? 1 : file === 'stderr' ? 2 : null;
  const path = standard === null ? resolve(folder, file) : null;
  let destination: ReturnType<typeof pino.destination>;
  try {
    destination = pino.destination({
      dest: path ?? standard!,
      sync: true,
      append: true,
      minLength: gatheredCharacters,
      periodicFlush: gatheredMs,
    });
  } catch (error) {
    throw new PosternError('CONFIG_INVALID', `file in [log]: ${(error as Error).message}`, { cause: error });
  }
  // A full disk or a closed pipe is no reason to stop serving; pino drops the line.
  destination.on('error', () => {});
  const log = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: {
        logMethod(args, write, lineLevel) {
          write.apply(this, args);
          if (lineLevel >= warnLevel) destination.flushSync();
        },
      },
    },
    destination,
  );
  const lines = new AccessLines(process.pid);
  const isTold = log.isLevelEnabled('info');
  return {
    log,
    access: (record) => {
      if (isTold) destination.write(lines.format(record, Date.now()));
    },
    reopen: () => {
      destination.flushSync();
      if (path !== null) destination.reopen(path);
    },
    flush: () => destination.flushSync(),
  };
}
