// The limit on how long a peer may leave unread what we have to send.

import type { Clock, Timer } from '../clock.ts';

/** Runs while the socket has taken all it can; a timer only then. */
export class WriteDeadline {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #isCounted: () => boolean;
  readonly #onLate: () => void;
  #timer: Timer | null = null;

  /** @param isCounted false while it is not the peer's fault; then it is given the whole time again */
  constructor(clock: Clock, limitMs: number, isCounted: () => boolean, onLate: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#isCounted = isCounted;
    this.#onLate = onLate;
  }

  /** The socket is full; repeatable. */
  start(): void {
    this.#timer ??= this.#clock.after(this.#limitMs, () => {
      this.#timer = null;
      if (this.#isCounted()) this.#onLate();
      else this.start();
    });
  }

  /** The socket took what it had, or is gone; repeatable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
