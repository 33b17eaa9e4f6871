// Looks whether the event loops of the front threads turn: one that hangs is told of, with the place in the code, and ended.

import { systemClock, type Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { FrontThread } from './front-thread.ts';

const lookMs = 1_000;
/** Others do not wait for a thread whose event loop has not turned for so long. */
const stallMs = 2_000;
/** One whose event loop has not turned for so long hangs. */
const stuckMs = 10_000;
/** How long it may take to find out where. */
const whereaboutsMs = 2_000;

export class ThreadWatch {
  readonly #threads: () => readonly FrontThread[];
  readonly #onStall: (thread: FrontThread) => void;
  readonly #log: Log;
  #timer: Timer | null = null;
  #lookedAtMs = 0;
  /** Those that are being looked into: once each. */
  readonly #stuck = new WeakSet<FrontThread>();

  /** @param threads those that serve now @param onStall told at each look of one that others are not to wait for */
  constructor(threads: () => readonly FrontThread[], onStall: (thread: FrontThread) => void, log: Log) {
    this.#threads = threads;
    this.#onStall = onStall;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= systemClock.every(lookMs, () => this.#look());
  }

  /** Repeatable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #look(): void {
    const nowMs = systemClock.now();
    // Where this thread was held up itself, it can say nothing of the others.
    const wasHeldUp = nowMs - this.#lookedAtMs > 2 * lookMs;
    this.#lookedAtMs = nowMs;
    for (const thread of this.#threads()) {
      const stillMs = thread.stillMs(nowMs);
      if (stillMs < stallMs || wasHeldUp) continue;
      this.#onStall(thread);
      if (stillMs < stuckMs || this.#stuck.has(thread)) continue;
      this.#stuck.add(thread);
      void this.#endStuck(thread).finally(() => this.#stuck.delete(thread));
    }
  }

  async #endStuck(thread: FrontThread): Promise<void> {
    const limit = new Promise<null>((resolve) => systemClock.after(whereaboutsMs, () => resolve(null)));
    const stack = await Promise.race([thread.whereabouts().catch(() => null), limit]);
    // A machine with too much to do lets it turn at last.
    const stillMs = thread.stillMs(systemClock.now());
    if (!thread.isServing || stillMs < stuckMs) return;
    const why = `its event loop has not turned for ${Math.round(stillMs)} ms`;
    const fields = { thread: thread.index, ...(stack === null ? {} : { stack }) };
    this.#log.error(fields, `front thread ${thread.index} hangs: ${why}`);
    thread.kill(why);
  }
}
