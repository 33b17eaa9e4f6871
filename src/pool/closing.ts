// The life of a pool as a whole, and its end: what waits is served, what runs may finish for a while, then every process ends.

import type { Clock, Timer } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Deadlines } from './deadlines.ts';
import type { Crew } from './generation.ts';
import type { Ledger } from './ledger.ts';
import type { Roster } from './roster.ts';

/**
 * Each only ever follows the one before it:
 * - `new`: it has not been started;
 * - `open`: it takes requests;
 * - `closing`: it takes none, and serves those that wait;
 * - `ending`: nothing waits any more, and its processes end when they have finished, or at once.
 */
export type Phase = 'new' | 'open' | 'closing' | 'ending';

/** What it works with. */
export interface ClosingOptions {
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** What those who wait are refused with when all is to end at once. */
  readonly error: PosternError;
  /** It takes no more requests. */
  readonly onBegin: () => void;
  /** No process is left. */
  readonly onClosed: () => void;
}

export class Closing {
  readonly #options: ClosingOptions;
  readonly #closed = Promise.withResolvers<void>();
  #phase: Phase = 'new';
  #deadline: Timer | null = null;
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The pool is started. */
  open(): void {
    this.#phase = 'open';
  }

  /** @param deadlineMs how long requests may go on */
  close(deadlineMs: number): Promise<void> {
    this.#begin();
    if (this.#phase === 'closing') {
      this.#deadline ??= this.#options.clock.after(deadlineMs, () =>
        this.#endAll(`it was still running ${deadlineMs} ms after the pool was closed`),
      );
      this.endWhenServed();
    }
    return this.#closed.promise;
  }

  /** Ends every request and process at once. */
  destroy(): Promise<void> {
    this.#begin();
    this.#endAll('the pool was ended');
    return this.#closed.promise;
  }

  /** Where it closes and nothing waits any more, processes end as they finish. To be called whenever a request has ended. */
  endWhenServed(): void {
    const { roster, ledger } = this.#options;
    if (this.#phase !== 'closing' || ledger.waiting > 0) return;
    this.#phase = 'ending';
    for (const crew of [...roster.crews]) this.#shutDown(crew);
    this.finishWhenEmpty();
  }

  /** To be called when nothing is left of a worker. */
  finishWhenEmpty(): void {
    const { roster, deadlines, onClosed } = this.#options;
    if (this.#phase !== 'ending' || roster.size > 0) return;
    deadlines.stop();
    this.#deadline?.cancel();
    if (this.#keepAlive) clearInterval(this.#keepAlive);
    onClosed();
    this.#closed.resolve();
  }

  #begin(): void {
    if (this.#phase !== 'new' && this.#phase !== 'open') return;
    this.#phase = 'closing';
    // Our timers let the process end, and it must not before its children have.
    this.#keepAlive = setInterval(() => {}, 60_000);
    this.#options.onBegin();
  }

  #endAll(why: string): void {
    const { roster, ledger, deadlines, error } = this.#options;
    this.#phase = 'ending';
    ledger.refuseAll(error);
    for (const crew of [...roster.crews]) {
      this.#shutDown(crew);
      deadlines.expireCrew(crew, why);
      crew.worker.kill();
    }
    this.finishWhenEmpty();
  }

  #shutDown(crew: Crew): void {
    const { stopTimeoutMs: graceMs } = crew.generation.limits;
    this.#options.roster.departures.retire(crew, { reason: 'shutdown', graceMs, signal: 'SIGTERM' });
  }
}
