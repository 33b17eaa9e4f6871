// A clock that stands until a test moves it.

import type { Clock } from '../../src/clock.ts';

interface Planned {
  atMs: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

/** A clock for tests. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #planned = new Set<Planned>();

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return 1_800_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    return this.#plan({ atMs: this.#nowMs + delayMs, periodMs: null, run });
  }

  every(periodMs: number, run: () => void): { cancel(): void } {
    return this.#plan({ atMs: this.#nowMs + periodMs, periodMs, run });
  }

  /** Moves the time on, and runs on the way what is due, in its order. */
  advance(ms: number): void {
    const to = this.#nowMs + ms;
    for (;;) {
      const next = this.#first();
      if (next === null || next.atMs > to) break;
      this.#nowMs = next.atMs;
      if (next.periodMs === null) this.#planned.delete(next);
      else next.atMs += next.periodMs;
      next.run();
    }
    this.#nowMs = to;
  }

  /** Timers that run. */
  get running(): number {
    return this.#planned.size;
  }

  /** Whether something is due at a time. */
  isDueAt(atMs: number): boolean {
    return [...this.#planned].some((one) => Math.abs(one.atMs - atMs) < 1e-6);
  }

  /** What is due first; of those that are due at once, what was planned first. */
  #first(): Planned | null {
    let first: Planned | null = null;
    for (const one of this.#planned) if (first === null || one.atMs < first.atMs) first = one;
    return first;
  }

  #plan(planned: Planned): { cancel(): void } {
    this.#planned.add(planned);
    return { cancel: () => this.#planned.delete(planned) };
  }
}
