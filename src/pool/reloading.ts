// The reloads of a pool, one at a time: each starts the next generation, waits until it has answered its probe, and lets it take over.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Program } from '../worker/program.ts';
import { type Crew, Generation } from './generation.ts';
import type { PoolLimits } from './limits.ts';
import { Takeover } from './takeover.ts';

/** What it works with. */
export interface ReloadingOptions {
  /** The pool's name. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts the workers of the next generation. @throws POOL_CLOSING */
  readonly onBegin: (takeover: Takeover) => void;
  /** All that was started is ready: it takes over, at this moment. */
  readonly onReady: (next: Generation) => void;
  /** The next generation cannot take over: what was started of it is to end. */
  readonly onFailed: (next: Generation) => void;
}

export class Reloading {
  readonly #options: ReloadingOptions;
  /** The one that is on its way. */
  #takeover: Takeover | null = null;
  #lastNumber = 1;
  #lastResult: string | null = null;
  #turns: Promise<void> = Promise.resolve();

  constructor(options: ReloadingOptions) {
    this.#options = options;
  }

  /** How the last one ended, in words; null: there was none. */
  get lastResult(): string | null {
    return this.#lastResult;
  }

  /** A later call waits for those before it. @throws LAUNCH_FAILED, POOL_CLOSING */
  reload(program: Program, limits: PoolLimits): Promise<void> {
    const turn = this.#turns.then(() => this.#reload(program, limits));
    this.#turns = turn.catch(() => {});
    return turn;
  }

  /** A worker has answered its probe. */
  crewReady({ generation }: Crew): void {
    const takeover = this.#takeover;
    if (generation !== takeover?.next || !takeover.isReady) return;
    this.#takeover = null;
    this.#options.onReady(takeover.next);
    takeover.succeed();
  }

  /** A worker has ended. */
  crewExited(crew: Crew): void {
    if (crew.generation !== this.#takeover?.next) return;
    this.#takeover.lost(crew);
    this.#takeover = null;
  }

  /** Gives up the one that is on its way. */
  cancel(error: PosternError): void {
    this.#takeover?.fail(error);
    this.#takeover = null;
  }

  async #reload(program: Program, limits: PoolLimits): Promise<void> {
    const { name, clock, log, onBegin, onFailed } = this.#options;
    const beganMs = clock.now();
    const takeover = new Takeover(new Generation(this.#lastNumber + 1, program, limits));
    const { next, done } = takeover;
    onBegin(takeover);
    this.#lastNumber = next.number;
    this.#takeover = takeover;
    const fields = { pool: name, generation: next.number };
    try {
      await done;
      this.#lastResult = `generation ${next.number} took over after ${Math.round(clock.now() - beganMs)} ms`;
      log.info(fields, `pool ${name} reloaded: ${this.#lastResult}`);
    } catch (error) {
      this.#lastResult = `failed: ${(error as Error).message}`;
      log.error(fields, `pool ${name} not reloaded: ${(error as Error).message}`);
      onFailed(next);
      throw error;
    }
  }
}
