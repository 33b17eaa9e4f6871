// A CGI program as a process: its environment (RFC 3875, section 4.1), how it is started, and why it was not.

import { PosternError, shortages } from '../errors.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { textToBytes } from '../protocol/text.ts';
import { type Exit, formatExit } from '../worker/exit.ts';
import type { StartedProcess, Starter } from '../worker/starter.ts';

/** What a program is started with. */
export interface ProgramStart {
  readonly environment: Environment;
  /** Names in it that a web server made up, which is not trusted: the process does not get them. */
  readonly foreign: readonly string[];
  /** What the configuration adds to the environment. Text. */
  readonly configured: Readonly<Record<string, string>>;
  /** User to run as; null: as this process. */
  readonly user: string | null;
  /** See `Program.launchKey`. */
  readonly launchKey: string | undefined;
}

/**
 * Starts the file that SCRIPT_FILENAME names, in its folder.
 * @param pool its name
 * @throws what `startError` has words for
 */
export function startProgram(
  starter: Starter,
  pool: string,
  { configured, user, launchKey, ...request }: ProgramStart,
): StartedProcess {
  const variables = cgiVariables(configured, request);
  return starter.startCgi({ pool, path: variables.SCRIPT_FILENAME ?? '', variables, user, launchKey });
}

/** The error for a program that could not be launched. @param path as logs show it */
export function startError(path: string, error: Error): PosternError {
  const cause = (error instanceof PosternError ? (error.cause ?? error) : error) as NodeJS.ErrnoException;
  const options = { cause: error };
  if (cause.code === 'E2BIG') return tooLarge(path, options);
  if (shortages.has(cause.code)) {
    return new PosternError(
      'LAUNCH_FAILED',
      `${path} could not be started: the system is short of processes, memory or descriptors (${cause.code})`,
      options,
    );
  }
  return new PosternError('PROGRAM_NOT_STARTED', error.message, options);
}

/** The error for a program that setpriv(1) or sh(1) was to turn into, and did not; null: it ran. @param path as logs show it */
export function exitedAtStart(path: string, { code }: Exit, errors: string): PosternError | null {
  const isOfStarter = code === 126 || code === 127;
  const match = isOfStarter ? /^(?:setpriv: failed to execute |[^\n]*\bexec: )[^\n]*: ([^:\n]+)$/m.exec(errors) : null;
  if (!match) return null;
  const why = match[1]!;
  if (/too long/i.test(why)) return tooLarge(path, {});
  return new PosternError(
    'PROGRAM_NOT_STARTED',
    `${path} could not be started (${why}): look at its first line, #! and the path of an interpreter that is installed`,
  );
}

/** The error for an answer that a program's end has cut. @param path as logs show it */
export function truncatedError(
  path: string,
  where: string,
  exit: Exit,
  fields: Readonly<Record<string, unknown>>,
): PosternError {
  const message = `${path} ended ${where} (${formatExit(exit)}): see what it wrote to STDERR`;
  return new PosternError('ANSWER_TRUNCATED', message, { fields });
}

/** What the configuration says, and over it the request's CGI variables. Byte strings. */
function cgiVariables(
  configured: Readonly<Record<string, string>>,
  { environment, foreign }: Pick<ProgramStart, 'environment' | 'foreign'>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(configured)) variables[name] = textToBytes(value);
  for (const name in environment) if (!foreign.includes(name)) variables[name] = environment[name]!;
  // php-cgi runs nothing without it, and not every web server in front sends it.
  variables.REDIRECT_STATUS ??= '200';
  // RFC 3875, 4.1.6. FastCGI programs are not sent it: see the comment in `protocol/cgi/environment.ts`.
  const { DOCUMENT_ROOT: root, PATH_INFO: pathInfo } = environment;
  if (root !== undefined && pathInfo !== undefined) variables.PATH_TRANSLATED = root + pathInfo;
  return variables;
}

function tooLarge(path: string, options: { readonly cause?: unknown }): PosternError {
  const message = `${path}: the CGI variables of the request are too large for this system`;
  return new PosternError('PARAMS_TOO_LARGE', message, options);
}
