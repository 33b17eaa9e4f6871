// Where the log of a configuration goes: a stream that every process has, or a file; and whether its lines are for people. Known before the log is opened.

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { Config } from '../config/config.ts';

/** By their devices' names, too: those are symbolic links. */
const standard: Readonly<Record<string, number>> = { stdout: 1, '/dev/stdout': 1, stderr: 2, '/dev/stderr': 2 };

/** Where a log goes. */
export interface LogPlace {
  /** A descriptor, or the path of a file. */
  readonly to: number | string;
  readonly isTerminal: boolean;
  /** Short lines for people, not JSON. */
  readonly isText: boolean;
}

/** Whether the log of a configuration is a file, which takes rights to be opened anew. */
export function isLogFile({ values: { log } }: Config): boolean {
  return log.file !== undefined && !Object.hasOwn(standard, log.file);
}

/** @param instead where it goes in place of what the configuration says */
export function logPlaceOf({ folder, values: { log } }: Config, instead: 'stdout' | undefined): LogPlace {
  const { file = 'stdout', format } = log;
  const to = standard[instead ?? file] ?? resolve(folder, file);
  const isTerminal = typeof to === 'number' && isatty(to);
  return { to, isTerminal, isText: format === 'text' || (format === 'auto' && isTerminal) };
}
