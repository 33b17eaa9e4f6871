// Makes the workers of a pool: names their files, in a folder of the pool's own.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Launcher, openLauncher } from '../worker/launcher.ts';
import type { Program } from '../worker/program.ts';
import { Worker, type WorkerEvents, type WorkerHandle } from '../worker/worker.ts';

/** What workers are made with. */
export interface WorkerFactoryOptions {
  /** Where the pool's folder is made. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of whoever has several pools; he closes it. null: one of its own. */
  readonly launcher: Launcher | null;
  /** What makes them in place of this one; null: nothing. */
  readonly hire: ((program: Program, events: WorkerEvents) => WorkerHandle) | null;
}

export class WorkerFactory {
  readonly #options: WorkerFactoryOptions;
  #folder: string | null = null;
  #launcher: Launcher | null = null;
  #count = 0;

  constructor(options: WorkerFactoryOptions) {
    this.#options = options;
  }

  open(): void {
    if (this.#options.hire !== null) return;
    // Short: a socket's path holds 107 bytes at most. It is made with the first socket in it: a pool on demand costs nothing.
    this.#folder = join(this.#options.directory, `p${randomBytes(6).toString('base64url')}`);
    this.#launcher = this.#options.launcher ?? openLauncher();
  }

  /** A worker that is not started yet. */
  make(program: Program, events: WorkerEvents): WorkerHandle {
    const { hire, clock, log } = this.#options;
    if (hire !== null) return hire(program, events);
    if (this.#folder === null || this.#launcher === null) throw new Error('the pool has not been started');
    this.#count += 1;
    const path = join(this.#folder, String(this.#count));
    return new Worker({ program, launcher: this.#launcher, path, clock, log, events });
  }

  /** Removes the folder. Repeatable. */
  close(): void {
    if (this.#options.launcher === null) this.#launcher?.close();
    if (this.#folder !== null && this.#count > 0) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
    this.#launcher = null;
  }
}
