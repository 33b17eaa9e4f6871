// Runs a program that answers soon, such as one that is asked for its version; one that does not is ended.

import { type ChildProcess, type ExecFileException, execFile } from 'node:child_process';

/** How it went. */
export interface ShortRun {
  /** null: it ended with 0. */
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It was ended, since it took too long. */
  readonly isLate: boolean;
}

/** What a short run may be told besides. */
export interface ShortRunOptions {
  /** @default that of this process */
  readonly env?: NodeJS.ProcessEnv;
  /** What it reads. @default nothing */
  readonly input?: string;
  /** @default 10000 */
  readonly limitMs?: number;
}

/** Enough for anybody's answer, on a cold disk. */
const defaultLimitMs = 10_000;
const lastLookMs = 500;
const maxBytes = 4_194_304;

/** Runs it in the top folder. Never rejects. */
export function runShortly(
  [program = '', ...args]: readonly string[],
  { env = process.env, input = '', limitMs = defaultLimitMs }: ShortRunOptions = {},
): Promise<ShortRun> {
  return new Promise((resolve) => {
    let isLate = false;
    let child: ChildProcess;
    try {
      child = execFile(program, args, { env, cwd: '/', maxBuffer: maxBytes }, (error, stdout, stderr) => {
        clearTimeout(timer);
        resolve({ error, stdout, stderr, isLate });
      });
    } catch (error) {
      // Arguments that are too long, or hold a NUL.
      resolve({ error: Object.assign(error as Error, { cmd: program }), stdout: '', stderr: '', isLate: false });
      return;
    }
    const end = (): void => {
      isLate = true;
      child.kill('SIGKILL');
      // What it has started may have them, too.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    // On a machine that is very busy it may be this process that had no time: what has come by now is read first. The option of execFile
    // throws that away.
    let timer = setTimeout(() => {
      timer = setTimeout(end, lastLookMs);
    }, limitMs);
    // It may have left before it read.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
