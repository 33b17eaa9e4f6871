// A process that answers on a lane, and the processes of one worker that are known so far.

import type { ProcessEnd } from '../queue/seat.ts';
import { type Exit, endOf, unseenExit } from './exit.ts';
import { glimpseExit, isGone, memoryKills } from './process-table.ts';

/** One process, as long as it is known. */
export interface LaneProcess {
  readonly pid: number;
  /** When it was first heard of. */
  readonly sinceMs: number;
  /** Requests that it has finished, and how long they took. */
  requests: number;
  workedMs: number;
}

/** How a process ended, and what that says of the request that it had. */
export interface ProcessEnding {
  readonly exit: Exit;
  readonly end: ProcessEnd;
}

/** The processes of one worker by their ids: a preforked child keeps its count while it has no connection, and between lanes. */
export class LaneProcesses {
  readonly #known = new Map<number, LaneProcess>();
  /** How many processes the kernel had ended for their memory when this was last looked at. */
  #memoryKills = memoryKills();

  /** The process with this id, from now on known. */
  meet(pid: number, nowMs: number): LaneProcess {
    const known = this.#known.get(pid);
    if (known) return known;
    const process: LaneProcess = { pid, sinceMs: nowMs, requests: 0, workedMs: 0 };
    this.#known.set(pid, process);
    return process;
  }

  /** Their ids. */
  get pids(): Iterable<number> {
    return this.#known.keys();
  }

  /** Whether a process with this id is known. */
  has(pid: number): boolean {
    return this.#known.has(pid);
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

  /** What an end that was seen just now says of the request. */
  judge(exit: Exit): ProcessEnding {
    const kills = memoryKills();
    const isOutOfMemory = kills > this.#memoryKills;
    this.#memoryKills = kills;
    return { exit, end: endOf(exit, isOutOfMemory) };
  }
}

/** How a preforked child has ended, whose parent is told and we are not; null: it lives, as far as can be seen. */
export function exitOfChild(process: LaneProcess | null): Exit | null {
  if (process === null) return null;
  const exit = glimpseExit(process.pid);
  return exit !== unseenExit || isGone(process.pid) ? exit : null;
}
