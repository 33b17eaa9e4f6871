// What the scoreboard tells at one moment: plain data for the status page, the metrics and the tests.

import type { LaneState, StopReason } from '../worker/state.ts';

/** One lane at the moment of the snapshot. Times are in milliseconds. */
export interface LaneSnapshot {
  /** Slot on the scoreboard. */
  readonly lane: number;
  /** Process id of what answers on this lane; 0 while unknown. */
  readonly pid: number;
  /** Process id of the worker that the manager started (for a preforked lane, the parent). */
  readonly workerPid: number;
  readonly generation: number;
  readonly state: LaneState;
  /** Why its process is being stopped, or why the one before it on this lane was; null: never. */
  readonly reason: StopReason | null;
  /** Requests that this lane's process has finished. */
  readonly requests: number;
  /** Age of the process. */
  readonly ageMs: number;
  /** Time in the present state. */
  readonly sinceMs: number;
  /** The current request, or the last one; empty before the first. Text with control bytes escaped, cut at 200 bytes. */
  readonly method: string;
  readonly url: string;
  /** How long the current, or last, request waited for a lane. */
  readonly waitedMs: number;
  /** How long the current request has run, or the last one ran. */
  readonly runMs: number;
  /** Resident memory that it shares with no file or shared segment, when last looked at, in bytes; 0 while unknown. */
  readonly memoryBytes: number;
  /** CPU time that the process has used when last looked at; 0 while unknown. */
  readonly cpuMs: number;
}

/** Counters of a pool since its start. accepted = waiting + running + finished + refused + aborted, at every moment. */
export interface PoolCounters {
  readonly accepted: number;
  readonly waiting: number;
  readonly running: number;
  /** Ended by the program, well or not. */
  readonly finished: number;
  /** Refused by us: queue full, too late, resting, closing. */
  readonly refused: number;
  /** The client left, or the request ended in an error before its answer was complete. */
  readonly aborted: number;
  /** Those of the aborted where no client had left. */
  readonly failed: number;
  readonly maxWaiting: number;
  readonly maxRunning: number;
  /** Times the pool stood at its limit of lanes while requests waited. */
  readonly maxWorkersReached: number;
  readonly retried: number;
  readonly spawned: number;
  /** Processes that ended, by why. */
  readonly ended: Readonly<Record<StopReason, number>>;
}

/** A pool at one moment. */
export interface PoolSnapshot {
  readonly name: string;
  /** What runs, in words: "php-cgi 8.2.36 (/usr/bin/php-cgi)". */
  readonly program: string;
  readonly generation: number;
  readonly startedAt: number;
  /** Limits in force: lanes at most, and how many may wait. */
  readonly workers: number;
  readonly queue: number;
  /** The governor in words: "ready", or "next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)". */
  readonly governor: string;
  readonly spawnScore: number;
  /** The outcome of the last reload in words; null: there was none. */
  readonly lastReload: string | null;
  readonly counters: PoolCounters;
  readonly lanes: readonly LaneSnapshot[];
}
