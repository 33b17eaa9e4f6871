// Tells in the log that requests are refused for want of lanes, and which limit to raise: not for each, that would only add to the load.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';

/** One line in this time at most. */
const periodMs = 10_000;

export class Congestion {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(name: string, clock: Clock, log: Log) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
  }

  /** A request was refused. */
  note({ code, message }: PosternError): void {
    this.#untold += 1;
    const nowMs = this.#clock.now();
    if (nowMs - this.#toldAtMs < periodMs) return;
    const requests = this.#untold === 1 ? 'a request' : `${this.#untold} requests`;
    this.#log.warn(
      { pool: this.#name, code, refused: this.#untold },
      `pool ${this.#name} refused ${requests}: ${message}`,
    );
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
