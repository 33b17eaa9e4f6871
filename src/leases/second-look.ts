// When a thread in which requests wait looks at the board again, though nobody has rung: a lane that another had use of a moment ago stays there for a
// while (`leases.ts`), and nobody says when that is over. And how many waited here lately, by which lanes are shared out.

import type { Clock, Timer } from '../clock.ts';
import { lingerMs } from './leases.ts';
import type { Waiting } from './waiting-board.ts';

/** For how long it is remembered how many waited. */
const memoryMs = 10;

/**
 * Between two looks, at most. Whoever has waited longer than a hand-over is given a lane when a request ends on one, so there is less and less to find:
 * the pause is a quarter of the time that the oldest has waited.
 */
export const mostPauseMs = 16;

/** Whose requests wait in this thread. */
interface Waiter {
  readonly queue: Waiting;
}

export class SecondLook {
  readonly #clock: Clock;
  readonly #waiter: Waiter;
  readonly #look: () => void;
  #timer: Timer | null = null;
  #dueMs = 0;
  #sinceMs = 0;
  #most = 0;
  #mostBefore = 0;

  /** @param look called time after time while requests wait in it */
  constructor(clock: Clock, waiter: Waiter, look: () => void) {
    this.#clock = clock;
    this.#waiter = waiter;
    this.#look = look;
  }

  /** To be called when more may wait, or others are the oldest. */
  wait(): void {
    const { waiting, waitingSinceMs } = this.#waiter.queue;
    if (waiting === 0 || waitingSinceMs === null) return;
    this.#remember(waiting);
    const nowMs = this.#clock.now();
    const pauseMs = Math.min(Math.max(lingerMs, Math.floor((nowMs - waitingSinceMs) / 4)), mostPauseMs);
    if (this.#timer !== null && this.#dueMs <= nowMs + pauseMs) return;
    this.#timer?.cancel();
    this.#dueMs = nowMs + pauseMs;
    this.#timer = this.#clock.after(pauseMs, () => {
      this.#timer = null;
      this.#look();
      this.wait();
    });
  }

  /** How many waited at a time, at most, within some milliseconds. */
  get mostWaiting(): number {
    this.#remember(0);
    return Math.max(this.#most, this.#mostBefore);
  }

  /** Repeatable. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #remember(waiting: number): void {
    const nowMs = this.#clock.now();
    const pastMs = nowMs - this.#sinceMs;
    if (pastMs >= memoryMs) {
      this.#mostBefore = pastMs < 2 * memoryMs ? this.#most : 0;
      this.#most = 0;
      this.#sinceMs = nowMs;
    }
    if (waiting > this.#most) this.#most = waiting;
  }
}
