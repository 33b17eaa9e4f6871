// The last ends of processes of a pool: which, why, how, and with which request. Pure.

import type { ProcessEndSnapshot, StopReason } from './pool-snapshot.ts';
import { showBytes } from './pool-snapshot.ts';

/** The end of one process. */
export interface ProcessEndRecord {
  readonly atMs: number;
  readonly pid: number;
  readonly generation: number;
  readonly reason: StopReason;
  /** How: "SIGKILL", "exit 255"; empty: it was not seen. */
  readonly ending: string;
  /** The request that it had, or had had last, as byte strings; empty: none. */
  readonly method: string;
  readonly url: string;
  readonly ranMs: number;
  /** Whether that request was lost with it. */
  readonly isCause: boolean;
}

/** So many are kept. */
const mostEnds = 32;

/** Reasons that tell nothing: every process of a pool ends so at once, and the log says it in one line. */
const planned: ReadonlySet<StopReason> = new Set(['reload', 'shutdown']);

export class ProcessEnds {
  readonly #last: ProcessEndRecord[] = [];
  #count = 0;

  note(end: ProcessEndRecord): void {
    if (planned.has(end.reason)) return;
    this.#count += 1;
    this.#last.push(end);
    if (this.#last.length > mostEnds) this.#last.shift();
  }

  /** Newest first. @param sinceEpochMs what to add to their times for milliseconds since 1970 */
  snapshot(sinceEpochMs: number): ProcessEndSnapshot[] {
    return this.#last
      .map(({ atMs, pid, generation, reason, ending, method, url, ranMs, isCause }, index) => ({
        number: this.#count - this.#last.length + index + 1,
        at: Math.round(sinceEpochMs + atMs),
        pid,
        generation,
        reason,
        ending,
        method: showBytes(method),
        url: showBytes(url),
        runMs: ranMs,
        isCause,
      }))
      .reverse();
  }
}
