// Asks a program whether it is PHP, by running it with -v.

import type { ExecFileException } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { runShortly } from '../worker/short-run.ts';
import { type PhpBanner, type PhpVersion, parsePhpBanner } from './php-version.ts';

/** What a program turned out to be. `why` goes on after a colon: "there is no such file". */
export type Inspection =
  | { readonly kind: 'php'; readonly version: PhpVersion; readonly sapi: string }
  | { readonly kind: 'failed'; readonly why: string };

/**
 * Asks in an environment of PATH alone.
 * @param path PATH
 * @param wrapper what runs it in place of itself
 */
export async function inspectPhp(program: string, path: string, wrapper: readonly string[] = []): Promise<Inspection> {
  const unfit = whyNotExecutable(program);
  if (unfit !== null) return { kind: 'failed', why: unfit };
  const said = await askVersion([...wrapper, program], path);
  return typeof said === 'string' ? { kind: 'failed', why: said } : { kind: 'php', ...said };
}

/** Without a php.ini, so that nothing in one can disturb. @returns a text: why it is not PHP */
async function askVersion(command: readonly string[], path: string): Promise<PhpBanner | string> {
  const { error, stdout, stderr, isLate } = await runShortly([...command, '-n', '-v'], { env: { PATH: path } });
  const banner = parsePhpBanner(stdout);
  if (banner !== null) return banner;
  if (isLate) return 'it is not PHP: asked for its version, it gave none in time';
  return `it is not PHP: ${saidBy(stdout || stderr, error)}`;
}

function whyNotExecutable(program: string): string | null {
  try {
    if (!statSync(program).isFile()) return 'it is not a file';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : `it cannot be looked at (${code})`;
  }
  try {
    accessSync(program, constants.X_OK);
  } catch {
    return 'it is not executable by this user';
  }
  return null;
}

/** The first line that a program printed, or how it failed to start. */
function saidBy(output: string, error: ExecFileException | null): string {
  const line = output
    .split('\n', 1)[0]!
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 80);
  if (line !== '') return `asked for its version, it printed "${line}"`;
  return error?.code ? `it could not be run (${error.code})` : 'asked for its version, it printed nothing';
}
