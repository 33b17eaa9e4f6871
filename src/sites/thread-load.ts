// What one thread of the service is busy with, and what the whole process uses: read when somebody asks, and sampled only while somebody does.

import { readdirSync } from 'node:fs';
import type { ProcessLoad, ThreadLoad } from '../admin/source.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { LoopWindow, turnMs } from './loop-window.ts';

/** Nobody has asked for so many turns of the window: it is looked at no more. */
const mostUnasked = 5;

/** The event loop of this thread. */
export class EventLoopWatch {
  readonly #clock: Clock;
  #window: LoopWindow | null = null;
  #timer: Timer | null = null;
  #unasked = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Of the last minutes; what came before somebody began to ask is not in it. @param thread its number, from 0 */
  read(thread: number): Omit<ThreadLoad, 'connections'> {
    this.#unasked = 0;
    this.#window ??= new LoopWindow();
    this.#timer ??= this.#clock.every(turnMs, () => this.#turn());
    return { thread, ...this.#window.read() };
  }

  /** Looks no more, until it is asked again. Repeatable. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#window?.close();
    this.#window = null;
  }

  #turn(): void {
    this.#unasked += 1;
    if (this.#unasked >= mostUnasked) this.close();
    else this.#window?.turn();
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
