// The log of a program that was given no other: one line each on standard error.

import type { Log, LogFields } from '../log.ts';

/** Writes information, warnings and errors to standard error. */
export const stderrLog: Log = {
  debug: () => {},
  info: write,
  warn: write,
  error: write,
};

function write(fields: LogFields, message: string): void {
  const error = fields.error instanceof Error ? `\n${fields.error.stack}` : '';
  process.stderr.write(`${message}${error}\n`);
}
