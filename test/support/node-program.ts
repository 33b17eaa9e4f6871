// Node programs as children of a test: started with arguments, environment and descriptors, and gone with the test.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';

/** A child and what it wrote. */
export interface NodeProgram {
  readonly child: ChildProcess;
  readonly stdout: () => Buffer;
  readonly stderr: () => string;
  /** Resolves with exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Resolves when standard error holds the text. */
  until(text: string): Promise<void>;
}

interface NodeOptions extends SpawnOptions {
  readonly input?: Buffer;
  /** What to start instead of Node: a shell that will. */
  readonly program?: string;
}

/** Starts a file with this test's Node. `env` is all it gets, and PATH. */
export function startNode(
  t: { after: TestContext['after'] },
  parameters: readonly string[],
  { env = {}, input, program = process.execPath, ...options }: NodeOptions = {},
): NodeProgram {
  const child = spawn(program, parameters, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
    env: { PATH: process.env.PATH, ...env },
  });
  const out: Buffer[] = [];
  let errors = '';
  const waiting: (() => void)[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
    for (const look of waiting) look();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0));
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return {
    child,
    stdout: () => Buffer.concat(out),
    stderr: () => errors,
    ended,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => void (errors.includes(text) && resolve());
        waiting.push(look);
        void ended.then((status) => reject(new Error(`it ended with ${status} before it said "${text}": ${errors}`)));
        look();
      }),
  };
}
