// What a front thread tells of its event loop: how late it was in the last second, and since the main thread read it last.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loopResolutionMs, vital } from './thread-messages.ts';

/** Writes it into the vitals of this thread. */
export class LoopVitals {
  readonly #vitals: Int32Array;
  readonly #ofSecond = monitorEventLoopDelay({ resolution: loopResolutionMs });
  readonly #sinceRead = monitorEventLoopDelay({ resolution: loopResolutionMs });
  #reads = 0;

  constructor(vitals: Int32Array) {
    this.#vitals = vitals;
    this.#ofSecond.enable();
    this.#sinceRead.enable();
  }

  /** Once a second. */
  write(): void {
    const reads = Atomics.load(this.#vitals, vital.loopReads);
    if (reads !== this.#reads) this.#begin(reads);
    const { max } = this.#ofSecond;
    Atomics.store(this.#vitals, vital.loopDelayMs, Math.round(max / 1e6));
    this.#ofSecond.reset();
    const delay = this.#sinceRead;
    Atomics.store(this.#vitals, vital.loopDelayMaxUs, Math.round(delay.max / 1e3));
    Atomics.store(this.#vitals, vital.loopDelayP50Us, Math.round(delay.percentile(50) / 1e3));
    Atomics.store(this.#vitals, vital.loopDelayP99Us, Math.round(delay.percentile(99) / 1e3));
  }

  /** It was read. What was longer than what it read came after the last write: nobody has heard of it, and it is kept for the next time. */
  #begin(reads: number): void {
    this.#reads = reads;
    const toldUs = Atomics.load(this.#vitals, vital.loopDelayMaxUs);
    if (Math.round(this.#sinceRead.max / 1e3) <= toldUs) this.#sinceRead.reset();
  }
}
