// Asks a program whether it is PHP, by running it with -v.

import { type ExecFileException, execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { type PhpVersion, parsePhpBanner } from './versions.ts';

/** What a program turned out to be. `why` goes on after a colon: "there is no such file". */
export type Inspection =
  | { readonly kind: 'php'; readonly version: PhpVersion; readonly sapi: string }
  | { readonly kind: 'failed'; readonly why: string };

/** How long a PHP may take to say its version; a cold disk needs some of it. */
const answerTimeoutMs = 10_000;

/** Runs `PROGRAM -n -v` (without a php.ini, so that nothing in one can disturb) in an environment of PATH alone. */
export async function inspectPhp(program: string, path: string): Promise<Inspection> {
  const unfit = whyNotExecutable(program);
  if (unfit !== null) return { kind: 'failed', why: unfit };
  return new Promise((resolve) => {
    const options = {
      env: { PATH: path },
      cwd: '/',
      timeout: answerTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 65_536,
    } as const;
    const child = execFile(program, ['-n', '-v'], options, (error, stdout, stderr) => {
      const banner = parsePhpBanner(stdout);
      if (banner) resolve({ kind: 'php', ...banner });
      else resolve({ kind: 'failed', why: error?.killed ? hung() : `it is not PHP: ${said(stdout || stderr, error)}` });
    });
    child.stdin?.end();
  });
}

/**
 * The open_basedir of the php.ini that a php-cgi reads, empty for none: the probe script must be let in.
 * @param path PATH, all of its environment
 */
export async function inspectOpenBasedir(program: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: { PATH: path }, cwd: '/', timeout: answerTimeoutMs, maxBuffer: 4_194_304 } as const;
    const child = execFile(program, ['-q', '-i'], options, (_error, stdout) => {
      const value = /<td class="e">open_basedir\s*<\/td><td class="v">([^<]+)<\/td>/.exec(stdout)?.[1] ?? '';
      resolve(value.replaceAll('&#039;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
    });
    child.stdin?.end();
  });
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

function hung(): string {
  return `it is not PHP: asked for its version, it gave none within ${answerTimeoutMs} ms`;
}

/** The first line that a program printed, or how it failed to start. */
function said(output: string, error: ExecFileException | null): string {
  const line = output
    .split('\n', 1)[0]!
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 80);
  if (line !== '') return `asked for its version, it printed "${line}"`;
  return error?.code ? `it could not be run (${error.code})` : 'asked for its version, it printed nothing';
}
