// The processes that the bench started: each is ended by its pid, with all its descendants, whatever happens.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, type ProcessEntry, processTree } from './process-tree.ts';
import { searchPath } from './program.ts';

/** How one is started. */
export interface StartOptions {
  /** Working directory and HOME. */
  readonly folder: string;
  /** Where its output goes. */
  readonly logFile: string;
  /** Variables besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

const graceMs = 10_000;

/** All that was started and not yet stopped. */
export class Processes {
  readonly #running = new Set<ChildProcess>();

  /** Starts a program in a process group of its own, so that Ctrl-C reaches only the bench. Returns its pid. */
  start(command: readonly string[], options: StartOptions): number {
    const log = openSync(options.logFile, 'a');
    try {
      const child = spawn(command[0]!, command.slice(1), {
        cwd: options.folder,
        env: { PATH: searchPath.join(':'), HOME: options.folder, ...options.env },
        stdio: ['ignore', log, log],
        detached: true,
      });
      child.once('error', () => this.#running.delete(child));
      child.once('exit', () => this.#running.delete(child));
      if (child.pid === undefined) throw new Error(`${command[0]} could not be started`);
      this.#running.add(child);
      return child.pid;
    } finally {
      closeSync(log);
    }
  }

  /** Whether the process of that pid was started here and has not ended. */
  isRunning(pid: number): boolean {
    return this.#find(pid) !== undefined;
  }

  /** Asks it to end with SIGTERM; what is left of its tree after the grace, or after it, is killed. */
  async stop(pid: number): Promise<void> {
    const child = this.#find(pid);
    if (child === undefined) return;
    const tree = processTree([pid]);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([exited, sleep(graceMs, undefined, { ref: false })]);
    await allEnded(tree);
    for (const entry of tree.filter(isRunning)) process.kill(entry.pid, 'SIGKILL');
    if (this.#find(pid) !== undefined) await exited;
    await allEnded(tree);
  }

  /** Stops everything, the last started first. */
  async stopAll(): Promise<void> {
    for (const child of [...this.#running].reverse()) await this.stop(child.pid!);
  }

  #find(pid: number): ChildProcess | undefined {
    return [...this.#running].find((child) => child.pid === pid);
  }
}

/** Waits until none of them runs, for a second at most. */
async function allEnded(tree: readonly ProcessEntry[]): Promise<void> {
  const deadline = performance.now() + 1000;
  while (tree.some(isRunning) && performance.now() < deadline) await sleep(20);
}

/** Runs a program to its end and returns what it printed; throws with what it printed on a failure. */
export function runProgram(
  command: readonly string[],
  options: { folder: string; env?: Readonly<Record<string, string>>; signal?: AbortSignal },
): Promise<string> {
  const env = { PATH: searchPath.join(':'), HOME: options.folder, ...options.env };
  const settings = { cwd: options.folder, env, maxBuffer: 16 << 20, ...(options.signal && { signal: options.signal }) };
  return new Promise((resolve, reject) => {
    execFile(command[0]!, command.slice(1), settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.name === 'AbortError') reject(error);
      else reject(new Error(`${command.slice(0, 3).join(' ')}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}
