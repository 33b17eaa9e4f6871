// A process that answers on a lane, and the processes of one worker that are known so far.

import { isGone } from './process-table.ts';

/** One process, as long as it is known. */
export interface LaneProcess {
  readonly pid: number;
  /** When it was first heard of. */
  readonly sinceMs: number;
  /** Requests that it has finished. */
  requests: number;
}

/** The processes of one worker by their ids: a preforked child keeps its count while it has no connection, and between lanes. */
export class LaneProcesses {
  readonly #known = new Map<number, LaneProcess>();

  /** The process with this id, from now on known. */
  meet(pid: number, nowMs: number): LaneProcess {
    const known = this.#known.get(pid);
    if (known) return known;
    const process: LaneProcess = { pid, sinceMs: nowMs, requests: 0 };
    this.#known.set(pid, process);
    return process;
  }

  /** It has ended: another process may get its id. */
  forget(process: LaneProcess): void {
    this.#known.delete(process.pid);
  }

  /** Forgets those that ended without a word, when there are more than there can be. */
  prune(most: number): void {
    if (this.#known.size <= most) return;
    for (const process of this.#known.values()) if (isGone(process.pid)) this.forget(process);
  }
}
