// What one thread of the service is busy with, and what the whole process uses: read when somebody asks, and sampled only while somebody does.

import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ProcessLoad, ThreadLoad } from '../admin/source.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';

/** The delay is looked at this often, in milliseconds; what is shown is what comes on top. */
const resolutionMs = 20;
/** Nobody has asked for so long: it is looked at no more. */
const interestMs = 300_000;

const perSecond = 1_000;
const nanos = 1e9;

/** The event loop of this thread. */
export class EventLoopWatch {
  readonly #clock: Clock;
  #delays: ReturnType<typeof monitorEventLoopDelay> | null = null;
  #before = performance.eventLoopUtilization();
  #forget: Timer | null = null;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Since it was last asked; the first time there is nothing to say of delays. @param thread its number, from 0 */
  read(thread: number): Omit<ThreadLoad, 'connections'> {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#before);
    this.#before = now;
    const delay = this.#readDelays();
    this.#forget?.cancel();
    this.#forget = this.#clock.after(interestMs, () => this.close());
    return { thread, utilization, ...delay };
  }

  /** Looks no more, until it is asked again. Repeatable. */
  close(): void {
    this.#forget?.cancel();
    this.#forget = null;
    this.#delays?.disable();
    this.#delays = null;
  }

  #readDelays(): Omit<ThreadLoad, 'thread' | 'utilization' | 'connections'> {
    const delays = this.#delays;
    if (delays === null) {
      this.#delays = monitorEventLoopDelay({ resolution: resolutionMs });
      this.#delays.enable();
      return { delayP50S: 0, delayP99S: 0, delayMaxS: 0 };
    }
    const over = (value: number): number => Math.max(0, value / nanos - resolutionMs / perSecond);
    const isEmpty = delays.count === 0;
    const read = {
      delayP50S: isEmpty ? 0 : over(delays.percentile(50)),
      delayP99S: isEmpty ? 0 : over(delays.percentile(99)),
      delayMaxS: isEmpty ? 0 : over(delays.max),
    };
    delays.reset();
    return read;
  }
}

/** What this process uses now; its workers are not in it. */
export function processLoad(): ProcessLoad {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuS: (user + system) / 1e6, memoryBytes: rss, heapBytes: heapUsed, openDescriptors: openDescriptors() };
}

/** null: this system does not tell. */
function openDescriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}
