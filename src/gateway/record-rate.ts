// How many lines of the log the requests of a site may make: a program that fails each time must not fill the disk.

import type { Clock } from '../clock.ts';

/** Records that may come at once, and what is added each second. */
const BURST = 100;
const PER_SECOND = 20;

/** The rate that all requests of a site share. */
export class RecordRate {
  readonly #clock: Clock;
  #tokens = BURST;
  #since: number;
  #dropped = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** Takes one record's share; false, and counted, when there is none left. */
  take(): boolean {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#since) / 1000) * PER_SECOND);
    this.#since = now;
    if (this.#tokens < 1) {
      this.#dropped += 1;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** How many records were dropped since this was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
