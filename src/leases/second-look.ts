// When a thread in which requests wait looks at the board again, though nobody has rung: a lane that another had use of a moment ago stays there for a
// while (`leases.ts`), and nobody says when that is over.

import type { Clock, Timer } from '../clock.ts';
import { lingerMs } from './leases.ts';

/** For how long it is remembered how many waited. */
const memoryMs = 10;

export class SecondLook {
  readonly #clock: Clock;
  readonly #queue: { readonly waiting: number };
  readonly #look: () => void;
  #timer: Timer | null = null;
  #sinceMs = 0;
  #most = 0;
  #mostBefore = 0;

  /** @param look called time after time while requests wait in it */
  constructor(clock: Clock, queue: { readonly waiting: number }, look: () => void) {
    this.#clock = clock;
    this.#queue = queue;
    this.#look = look;
  }

  /** To be called when more may wait. */
  wait(): void {
    const { waiting } = this.#queue;
    if (waiting === 0) return;
    this.#remember(waiting);
    this.#timer ??= this.#clock.after(lingerMs, () => {
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
