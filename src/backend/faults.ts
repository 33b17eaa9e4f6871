// Errors that nothing foresaw: a service goes on after them, so they are logged with their stack, counted and shown.

import type { FaultStatus } from '../admin/source.ts';
import type { Log, LogFields } from '../log.ts';

/** A fault may come back with each tick of a timer: so many are logged in one period, the others only counted. */
const mostToldInPeriod = 10;
const periodMs = 60_000;

/** The faults of one service. */
export class Faults {
  readonly #log: Log;
  readonly #now: () => number;
  #count = 0;
  #last: FaultStatus['last'] = null;
  #periodBeganMs = Number.NEGATIVE_INFINITY;
  #inPeriod = 0;

  /** @param now milliseconds since 1970 */
  constructor(log: Log, now: () => number = Date.now) {
    this.#log = log;
    this.#now = now;
  }

  get status(): FaultStatus {
    return { count: this.#count, last: this.#last };
  }

  /**
   * Takes an error that was caught at the last net. Never throws.
   * @param where what goes on without what it was to do: "a timer or callback", "pool php"
   */
  report(error: unknown, where: string, fields: LogFields = {}): void {
    const at = this.#now();
    this.#count += 1;
    this.#last = { at, where, message: error instanceof Error ? error.message : String(error) };
    if (at - this.#periodBeganMs >= periodMs) {
      this.#periodBeganMs = at;
      this.#inPeriod = 0;
    }
    this.#inPeriod += 1;
    if (this.#inPeriod > mostToldInPeriod) return;
    const rest = this.#inPeriod === mostToldInPeriod ? '; more in this minute are counted, not logged' : '';
    const stack = error instanceof Error ? error.stack : undefined;
    try {
      this.#log.error(
        { ...fields, ...(stack === undefined ? {} : { stack }) },
        `a fault of Postern itself in ${where}, which the service survives; please report it: ${this.#last.message}${rest}`,
      );
    } catch {
      // The log is where the fault is.
    }
  }
}
