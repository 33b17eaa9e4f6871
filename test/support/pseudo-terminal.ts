// A program on a pseudo-terminal (script of util-linux), with keys, a window that changes its size, and what stood on the screen.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { findProgram } from './folder.ts';
import { until } from './until.ts';

/** Why there is none here; false: there is. */
export const terminalMissing = findProgram('script') === null ? 'script of util-linux is not installed' : false;

export interface PseudoTerminal {
  /** All that was written so far. */
  readonly output: () => string;
  /** The last whole frame, without escape sequences. */
  readonly screen: () => string;
  press(keys: string): void;
  /** Gives the window another size; the program hears of it. */
  resize(rows: number, columns: number): void;
  /** Waits until the last frame holds it. */
  shows(pattern: RegExp): Promise<void>;
  /** Waits until all of it has ended. */
  ended(): Promise<void>;
  /** Hangs up: nobody reads or types any more. */
  hangUp(): void;
}

/**
 * Runs lines of a shell on a terminal of 24 rows and 100 columns.
 * @param env besides PATH and HOME
 */
export function startOnTerminal(t: TestContext, lines: string, env: Readonly<Record<string, string>>): PseudoTerminal {
  const child: ChildProcess = spawn('script', ['-qefc', `tty; stty rows 24 cols 100; ${lines}`, '/dev/null'], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin!.on('error', () => {});
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const screen = (): string => {
    const end = output.lastIndexOf('\x1b[?2026l');
    const begin = output.lastIndexOf('\x1b[?2026h', end);
    return begin < 0 ? '' : plain(output.slice(begin, end));
  };
  return {
    output: () => output,
    screen,
    press: (keys) => void child.stdin!.write(keys),
    resize: (rows, columns) => {
      const terminal = /^(\/dev\/\S+)/m.exec(output)![1]!;
      execFileSync('stty', ['-F', terminal, 'rows', String(rows), 'cols', String(columns)]);
    },
    shows: (pattern) =>
      until(
        () => pattern.test(screen()),
        () => `${pattern} on:\n${screen()}\nof\n${JSON.stringify(output.slice(-2_000))}`,
      ),
    ended: async () => {
      await closed;
    },
    hangUp: () => void child.kill('SIGKILL'),
  };
}

/** Without escape sequences. */
const plain = (text: string): string => text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r+\n/g, '\n');
