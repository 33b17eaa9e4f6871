// The `postern` command as a process of its own, as a user runs it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolSnapshot } from '../../src/pool/snapshot.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** A running `postern serve` or `postern run`. */
export interface RunningPostern {
  readonly child: ChildProcess;
  /** Where the site is, without a slash at the end. */
  readonly base: string;
  /** Where the admin pages are, without a slash at the end. */
  readonly admin: string;
  /** All that was written to standard output and standard error so far. */
  readonly output: () => string;
  /** The first pool of /status. */
  pool(): Promise<PoolSnapshot>;
  /** SIGTERM. @returns the exit status */
  stop(): Promise<number | null>;
}

/** What one command printed. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, 30 s at most. */
export function runPostern(args: readonly string[], cwd?: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { timeout: 30_000, env: { ...process.env, NO_COLOR: '1' }, ...(cwd !== undefined && { cwd }) };
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

/** Starts `serve` or `run` and waits until the site answers. It ends with the test. */
export async function startPostern(
  t: { after: TestContext['after'] },
  args: readonly string[],
  addresses: { base: string; admin: string } | null = null,
): Promise<RunningPostern> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const code = await ended;
    clearTimeout(timer);
    return code;
  };
  t.after(stop);

  for (let tries = 0; tries < 300; tries += 1) {
    const base = addresses?.base ?? /^ *site +(http:\/\/\S+?)\/?$/m.exec(text)?.[1];
    const admin = addresses?.admin ?? /^ *admin +(http:\/\/\S+?)\/status$/m.exec(text)?.[1];
    if (base !== undefined && admin !== undefined && (await isReady(admin))) {
      const pool = async (): Promise<PoolSnapshot> => {
        const answer = await fetch(`${admin}/status?format=json`);
        return ((await answer.json()) as { pools: PoolSnapshot[] }).pools[0]!;
      };
      return { child, base, admin, output: () => text, pool, stop };
    }
    if (child.exitCode !== null) break;
    await delay(100);
  }
  await stop();
  throw new Error(`postern ${args.join(' ')} did not get ready:\n${text}`);
}

async function isReady(admin: string): Promise<boolean> {
  try {
    return (await fetch(`${admin}/readyz`)).ok;
  } catch {
    return false; // not listening yet
  }
}
