// A CGI program as a process: its environment (RFC 3875, section 4.1), and why it did not start. Pure.

import { PosternError } from '../errors.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import type { Exit } from '../worker/exit.ts';

/** As Node takes it: JavaScript text, which it gives to the program as UTF-8. Bytes that are no UTF-8 arrive as U+FFFD. */
export function cgiVariables(
  configured: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, string> {
  const variables: Record<string, string> = { ...configured };
  for (const [name, value] of Object.entries(environment)) variables[name] = textOf(value);
  // RFC 3875, 4.1.6. FastCGI programs are not sent it: see the comment in `protocol/cgi/environment.ts`.
  const { DOCUMENT_ROOT: root, PATH_INFO: pathInfo } = environment;
  if (root !== undefined && pathInfo !== undefined) variables.PATH_TRANSLATED = textOf(root + pathInfo);
  return variables;
}

/** A byte string as text. */
export function textOf(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

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
