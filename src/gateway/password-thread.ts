// Compares passwords with slow hashes in a thread of its own, one after another: a comparison with bcrypt takes a tenth of a second, in which nobody
// else would be answered. The thread is started when it is first needed, and ends when nobody has asked for a while.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';

/** What the thread is asked. */
export interface PasswordQuestion {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

interface PasswordAnswer {
  readonly id: number;
  readonly isRight: boolean;
}

/** As TypeScript from a checkout, as JavaScript when built. */
const entry = new URL(`./password-thread-entry${extname(import.meta.url)}`, import.meta.url);

/** Comparisons that may wait: above it, whoever guesses passwords is sent away, and so is everybody else for that while. */
const MAX_WAITING = 64;
const IDLE_MS = 10_000;

type Settle = PromiseWithResolvers<boolean>;

/** The thread of one gateway. */
export class PasswordThread {
  readonly #clock: Clock;
  readonly #asked = new Map<number, Settle>();
  #worker: Worker | null = null;
  #idle: Timer | null = null;
  #id = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Comparisons that are not done. */
  get waiting(): number {
    return this.#asked.size;
  }

  /** Whether a password is the one of a hash. Rejects with UNAVAILABLE where too many ask. */
  ask(password: string, hash: string): Promise<boolean> {
    if (this.#asked.size >= MAX_WAITING) {
      const message = `${MAX_WAITING} passwords wait to be compared: somebody may be guessing: see limit in docs/rules.md`;
      return Promise.reject(new PosternError('UNAVAILABLE', message));
    }
    this.#idle?.cancel();
    this.#idle = null;
    const settle = Promise.withResolvers<boolean>();
    const id = this.#id;
    this.#id += 1;
    this.#asked.set(id, settle);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id, password, hash } satisfies PasswordQuestion);
    return settle.promise;
  }

  #start(): Worker {
    // Options of the command line may be of the program that embeds us.
    const worker = new Worker(entry, { execArgv: [] });
    worker.unref();
    worker.on('message', ({ id, isRight }: PasswordAnswer) => {
      this.#asked.get(id)?.resolve(isRight);
      this.#asked.delete(id);
      if (this.#asked.size === 0) this.#idle = this.#clock.after(IDLE_MS, () => this.#end(worker));
    });
    worker.on('error', (error) => this.#failed(worker, error as Error));
    worker.on('exit', () => this.#failed(worker, new Error('the thread that compares passwords ended')));
    return worker;
  }

  #end(worker: Worker): void {
    if (this.#worker === worker) this.#worker = null;
    void worker.terminate();
  }

  #failed(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}
