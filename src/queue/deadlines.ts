// Every wait of a queue has an end: one coarse tick over those that wait and those that run, in place of a timer for each request.

import type { Clock, Timer } from '../clock.ts';
import type { Attempt, TimeLimit } from './attempt.ts';
import type { AttemptList } from './attempt-list.ts';

/** What deadlines are looked for in, and who hears of them. */
export interface DeadlinesOptions {
  readonly clock: Clock;
  readonly waiting: AttemptList<Attempt>;
  readonly running: AttemptList<Attempt>;
  /** It has waited too long. */
  readonly onLate: (attempt: Attempt, nowMs: number) => void;
  /** It has run too long, or was silent for too long. */
  readonly onLimit: (attempt: Attempt, limit: TimeLimit, nowMs: number) => void;
  /** It runs, and no limit of it is reached. */
  readonly onRan: (attempt: Attempt) => void;
  /** At the end of each tick. */
  readonly onTick: () => void;
}

const tickMs = 100;

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #timer: Timer | null = null;
  #tickedAtMs = 0;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** There is something to look for from now on. */
  watch(nowMs: number): void {
    if (this.#timer !== null) return;
    this.#tickedAtMs = nowMs;
    this.#timer = this.#options.clock.every(tickMs, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #tick(): void {
    const { clock, waiting, running, onLimit, onRan, onTick } = this.#options;
    const nowMs = clock.now();
    const periodMs = nowMs - this.#tickedAtMs;
    this.#tickedAtMs = nowMs;
    this.#tickWaiting(nowMs);
    for (let attempt = running.first; attempt !== null; ) {
      const { next } = attempt;
      const limit = attempt.tick(nowMs, periodMs);
      if (limit !== null) onLimit(attempt, limit, nowMs);
      else onRan(attempt);
      // Whoever was told of it may have ended others: the rest is looked at by the next tick.
      attempt = next !== null && running.has(next) ? next : null;
    }
    onTick();
    if (waiting.length === 0 && running.length === 0) this.stop();
  }

  #tickWaiting(nowMs: number): void {
    const { waiting, onLate } = this.#options;
    for (let attempt = waiting.first; attempt !== null; ) {
      const { next } = attempt;
      const isLate = attempt.waitUntilMs <= nowMs;
      // Those that run again stand first, and may wait longer than those behind them.
      if (!isLate && attempt.attempts === 0) return;
      if (isLate) onLate(attempt, nowMs);
      attempt = next !== null && waiting.has(next) ? next : null;
    }
  }
}
