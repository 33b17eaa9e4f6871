// Whether a pool's program can be started, as its log tells it: one line for each change.

import type { Log } from '../log.ts';
import type { Generation } from './generation.ts';

export class Health {
  readonly #name: string;
  readonly #log: Log;
  #state: 'ready' | 'failing' | 'refusing' = 'ready';

  constructor(name: string, log: Log) {
    this.#name = name;
    this.#log = log;
  }

  /** @param isRefusing whether requests are answered with 503, since no worker runs and none can be started soon */
  report({ score, program, number: generation }: Generation, isRefusing: boolean, nowMs: number): void {
    const isFailing = score.isDoubted;
    // A pool that has refused does so until its program has worked, whatever is tried meanwhile.
    const state = isRefusing ? 'refusing' : !isFailing ? 'ready' : this.#state === 'ready' ? 'failing' : this.#state;
    if (state === this.#state) return;
    this.#state = state;
    const fields = { pool: this.#name, generation };
    const what = program.title ?? program.command[0];
    if (state === 'ready') this.#log.info(fields, `pool ${this.#name}: ${what} works again`);
    else if (state === 'failing') {
      this.#log.warn(fields, `pool ${this.#name}: ${what} fails: ${score.reason(nowMs)}`);
    } else this.#log.error(fields, `pool ${this.#name} answers 503: ${score.describe(nowMs)}`);
  }
}
