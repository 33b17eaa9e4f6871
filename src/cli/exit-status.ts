// The exit statuses of the command, and which error means which.

import { PosternError } from '../errors.ts';

/** Fine; failed; wrong usage; bad configuration (sysexits.h, EX_CONFIG). */
export const exit = { fine: 0, failed: 1, usage: 2, config: 78 } as const;

/** An exit status of the command. */
export type ExitStatus = (typeof exit)[keyof typeof exit];

/** A command line that cannot be meant: shown in one line, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit status for what was thrown. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (error instanceof UsageError) return exit.usage;
  return error instanceof PosternError && error.code === 'CONFIG_INVALID' ? exit.config : exit.failed;
}

/** What was thrown, for the terminal: one line, more only for several problems of a configuration and for bugs. */
export function describeError(error: unknown): string {
  if (error instanceof PosternError || error instanceof UsageError) return error.message;
  if (error instanceof Error && 'code' in error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
