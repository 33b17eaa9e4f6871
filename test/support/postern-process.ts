// The `postern` command as a process of its own, with a runtime folder of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;
/** Generous: the machine may be busy with other tests. */
const patienceMs = 60_000;

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
export interface PosternProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it wrote to standard output so far. */
  readonly out: () => string;
  /** The same, with what it wrote to standard error. */
  readonly output: () => string;
  /** Waits until it wrote something. @returns the match */
  wrote(pattern: RegExp): Promise<RegExpExecArray>;
  ended(): Promise<Ended>;
}

/**
 * Starts a command; it is ended with the test.
 * @param runtime where its services are found
 * @param program Node and the command's entry
 * @param wrapper a program that runs another one in its place, with its arguments: `["prlimit", "--nofile=64"]`
 */
export function startPostern(
  t: { after: TestContext['after'] },
  runtime: string,
  args: readonly string[],
  cwd?: string,
  wrapper: readonly string[] = [],
  program: readonly string[] = [process.execPath, entry],
): PosternProcess {
  const [command = process.execPath, ...before] = [...wrapper, ...program];
  const child = spawn(command, [...before, ...withThreads(args), ...asOneself(args)], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, POSTERN_RUNTIME_DIR: runtime },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const closed = once(child, 'close');
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await Promise.race([closed, wait(5_000, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  return {
    pid: child.pid ?? 0,
    child,
    out: () => out,
    output: () => out + err,
    async wrote(pattern) {
      for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 20) {
        const match = pattern.exec(out + err);
        if (match !== null) return match;
        if (child.exitCode !== null) break;
        await wait(20);
      }
      throw new Error(`postern ${args.join(' ')} did not write ${pattern}; it wrote:\n${out}${err}`);
    },
    async ended() {
      await closed;
      return { status: child.exitCode, out, err };
    },
  };
}

/** How many front threads every service has, unless the test says how many: POSTERN_TEST_THREADS. */
export const testThreads = Number(process.env.POSTERN_TEST_THREADS ?? 1);

function withThreads(args: readonly string[]): readonly string[] {
  const [command, ...rest] = args;
  const isService = command === 'run' || command === 'serve';
  if (testThreads === 1 || !isService || args.includes('--threads') || args.includes('--help')) return args;
  return [command, '--threads', String(testThreads), ...rest];
}

/** Started as root, a service would be somebody else's: that has tests of its own, in `test/integration/launcher`. */
export function asOneself(args: readonly string[]): string[] {
  const serves = args[0] === 'run' || args[0] === 'serve';
  return serves && process.getuid?.() === 0 && !args.includes('--user') ? ['--user', 'root'] : [];
}

/** Runs a command to its end. */
export function postern(
  t: { after: TestContext['after'] },
  runtime: string,
  args: readonly string[],
  cwd?: string,
): Promise<Ended> {
  return startPostern(t, runtime, args, cwd).ended();
}
