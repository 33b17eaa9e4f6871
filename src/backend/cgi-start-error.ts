// Why a CGI program did not start, from what the system said of it. Pure.

import { PosternError } from '../errors.ts';
import type { Exit } from '../worker/exit.ts';

/** The error for a program that could not be launched. */
export function startError(path: string, error: Error): PosternError {
  const cause = (error instanceof PosternError ? (error.cause ?? error) : error) as NodeJS.ErrnoException;
  const options = { cause: error };
  if (cause.code === 'E2BIG') {
    return new PosternError(
      'PARAMS_TOO_LARGE',
      `${path}: the CGI variables of the request are too large for this system`,
      options,
    );
  }
  if (cause.code === 'EAGAIN' || cause.code === 'ENOMEM' || cause.code === 'EMFILE' || cause.code === 'ENFILE') {
    return new PosternError(
      'LAUNCH_FAILED',
      `${path} could not be started: the system is short of processes, memory or descriptors (${cause.code})`,
      options,
    );
  }
  return new PosternError('PROGRAM_NOT_STARTED', error.message, options);
}

/** The error for a program that setpriv(1) was to turn into, and did not; null: it ran. */
export function exitedAtStart(path: string, { code }: Exit, errors: string): PosternError | null {
  const match = code === 126 || code === 127 ? /^setpriv: failed to execute [^\n]*: ([^:\n]+)$/m.exec(errors) : null;
  if (!match) return null;
  const what = `${path} could not be started (${match[1]})`;
  return new PosternError(
    'PROGRAM_NOT_STARTED',
    `${what}: look at its first line, #! and the path of an interpreter that is installed`,
  );
}
