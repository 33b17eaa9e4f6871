// A process that this process has started itself: signals go to it directly, and what is kept of a worker on disk is kept here.

import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Log } from '../log.ts';
import { Belongings } from './belongings.ts';
import { descendantsOf, readProcessStat, sendSignal } from './process-table.ts';
import type { StartedProcess, WorkerProcess } from './starter.ts';

export class SpawnedProcess implements StartedProcess {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdin(): Writable | null {
    return this.#child.stdin;
  }

  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  get stderr(): Readable | null {
    return this.#child.stderr;
  }

  /** See StartedProcess. */
  once(event: string, listener: (...args: never[]) => void): void {
    // 'error' also comes when a signal could not be sent, which is no failure to start.
    if (event === 'error')
      this.#child.on('error', (error) => this.pid === 0 && (listener as (error: Error) => void)(error));
    else this.#child.once(event, listener as (...args: unknown[]) => void);
  }

  signal(signal: NodeJS.Signals): void {
    sendSignal(this.pid, signal);
  }

  signalGroup(signal: NodeJS.Signals): void {
    sendSignal(-this.pid, signal);
  }

  signalChild(pid: number, signal: NodeJS.Signals, isTree: boolean): void {
    const below = isTree ? descendantsOf(pid) : [];
    // Its parent reaps it without telling us, and its id may be given to another process.
    const group = readProcessStat(pid)?.group ?? this.pid;
    if (group === this.pid) sendSignal(pid, signal);
    for (const one of below) sendSignal(one, signal);
  }
}

export class SpawnedWorker extends SpawnedProcess implements WorkerProcess {
  readonly socketPath: string;
  readonly #path: string;
  readonly #belongings: Belongings | null;

  /** @param path of its files, without their extensions */
  constructor(child: ChildProcess, name: string, path: string, log: Log) {
    super(child);
    this.#path = path;
    this.socketPath = socketPathOf(path);
    const { pid } = this;
    this.#belongings =
      pid === 0
        ? null
        : new Belongings(pid, `${path}.pid`, ({ message }) => {
            log.warn({ pool: name, pid }, `${path}.pid could not be written: ${message}`);
          });
  }

  met(pid: number, known: Iterable<number>): void {
    this.#belongings?.met(pid, known);
  }

  endForeign(pid: number): boolean {
    return this.#belongings?.endForeign(pid) ?? false;
  }

  clear(): void {
    this.#belongings?.end();
    removeFiles(this.#path);
  }
}

/** Where the socket of a worker is. @param path of its files, without their extensions */
export function socketPathOf(path: string): string {
  return `${path}.sock`;
}

/** Removes the files of a worker. */
export function removeFiles(path: string): void {
  for (const extension of ['.sock', '.pid']) rmSync(`${path}${extension}`, { force: true });
}
