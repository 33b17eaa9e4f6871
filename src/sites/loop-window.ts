// How late and how busy the event loop of this thread was in the last minutes. Any number may read it, each as often as it likes: nothing begins anew by that.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ThreadLoad } from '../admin/source.ts';

/** The delay is looked at this often, in milliseconds; what is told is what comes on top. */
const resolutionMs = 20;
/** A window is turned this often: what is told is of the last one to two of these. Prometheus looks once a minute, unless it is told otherwise. */
export const turnMs = 60_000;

interface Since {
  readonly delays: ReturnType<typeof monitorEventLoopDelay>;
  readonly utilization: ReturnType<typeof performance.eventLoopUtilization>;
}

/** Two overlapping times, of which the older is told. */
export class LoopWindow {
  #older = begin();
  #younger = this.#older;

  /** What came before the turn before this one is forgotten. To be called every `turnMs`. */
  turn(): void {
    if (this.#older !== this.#younger) this.#older.delays.disable();
    this.#older = this.#younger;
    this.#younger = begin();
  }

  /** What there is to tell now. */
  read(): Omit<ThreadLoad, 'thread' | 'connections'> {
    const { delays, utilization } = this.#older;
    const lateS = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3);
    const isEmpty = delays.count === 0;
    return {
      utilization: performance.eventLoopUtilization(utilization).utilization,
      delayP50S: isEmpty ? 0 : lateS(delays.percentile(50)),
      delayP99S: isEmpty ? 0 : lateS(delays.percentile(99)),
      delayMaxS: isEmpty ? 0 : lateS(delays.max),
    };
  }

  /** Looks no more. Repeatable. */
  close(): void {
    this.#older.delays.disable();
    this.#younger.delays.disable();
  }
}

function begin(): Since {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  return { delays, utilization: performance.eventLoopUtilization() };
}
