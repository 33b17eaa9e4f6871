// What a front thread tells of its event loop: how late it was in the last second, and how late and how busy in the last minutes.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LoopWindow, turnMs } from '../sites/loop-window.ts';
import { loopResolutionMs, vital } from './thread-messages.ts';

const secondMs = 1_000;

/** Writes it into the vitals of this thread. */
export class LoopVitals {
  readonly #vitals: Int32Array;
  readonly #ofSecond = monitorEventLoopDelay({ resolution: loopResolutionMs });
  readonly #window = new LoopWindow();
  #writes = 0;

  constructor(vitals: Int32Array) {
    this.#vitals = vitals;
    this.#ofSecond.enable();
  }

  /** Once a second. */
  write(): void {
    Atomics.store(this.#vitals, vital.loopDelayMs, Math.round(this.#ofSecond.max / 1e6));
    this.#ofSecond.reset();
    const { utilization, delayP50S, delayP99S, delayMaxS } = this.#window.read();
    const told = [
      [vital.loopBusyPpm, utilization],
      [vital.loopDelayP50Us, delayP50S],
      [vital.loopDelayP99Us, delayP99S],
      [vital.loopDelayMaxUs, delayMaxS],
    ] as const;
    for (const [cell, value] of told) Atomics.store(this.#vitals, cell, Math.round(value * 1e6));
    this.#writes += 1;
    if (this.#writes % (turnMs / secondMs) === 0) this.#window.turn();
  }
}
