// Looks at the processes of a pool from outside: what they use, which have gone though their connections stand, which children have ended.

import type { Clock, Timer } from '../clock.ts';
import { lookMs } from '../leases/lane-owner.ts';
import type { LaneRow } from '../leases/lane-row.ts';
import { nestedServers } from '../worker/nested-servers.ts';
import { isGone } from '../worker/process-table.ts';
import { readUsage } from '../worker/usage.ts';
import type { WorkerHandle } from '../worker/worker.ts';
import type { LaneRecord, PoolEvent, PoolState } from './pool-state.ts';

/** Who has the lanes. */
export interface LaneBreaker {
  /** The process of a lane has ended, though something holds its connection open: what it runs fails. */
  breakLane(row: LaneRow): void;
  /** Puts what is shown of requests onto the board. */
  describeRequests(): void;
}

/** What is looked at, and who hears of it. */
export interface ProcessWatchOptions {
  readonly clock: Clock;
  readonly state: PoolState;
  readonly holders: LaneBreaker;
  /** By id: what is behind the records of the state. */
  readonly workers: ReadonlyMap<number, WorkerHandle>;
  readonly onEvent: (event: PoolEvent) => void;
  /** A script had started a process that served its worker's socket; it was ended. */
  readonly onNested: (row: LaneRow, pid: number) => void;
}

/** Every how many looks at running processes all of them are measured. */
const looksPerSweep = 4;
/** So long a request runs before it is looked whether it waits for what it has started. */
const nestedAfterMs = 1_000;
/** How often children that are to end are looked at. */
const childLookMs = 10;
/** Processes whose CPU time is remembered, before those that have ended are forgotten; no pool has more that live. */
const mostCounted = 8_192;

export class ProcessWatch {
  readonly #options: ProcessWatchOptions;
  #timer: Timer | null = null;
  #childTimer: Timer | null = null;
  #looks = 0;
  /** CPU time of processes at the last look, by their ids. */
  readonly #cpuMs = new Map<number, number>();
  /** Lanes whose process was gone at the last look, though its connection stood. */
  readonly #missing = new WeakSet<LaneRecord>();

  constructor(options: ProcessWatchOptions) {
    this.#options = options;
  }

  /** A worker is there: it looks for as long as there is any. A pool on demand costs nothing while it has none. */
  start(): void {
    this.#timer ??= this.#options.clock.every(lookMs, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#childTimer?.cancel();
  }

  /** Children are to end: they are looked at soon. */
  lookAtChildren(): void {
    this.#childTimer ??= this.#options.clock.after(childLookMs, () => this.#lookAtChildren());
  }

  #look(): void {
    if (this.#options.workers.size === 0) {
      this.#timer?.cancel();
      this.#timer = null;
      return;
    }
    this.#lookAtRunning();
    this.#looks += 1;
    if (this.#looks % looksPerSweep !== 0) return;
    const { state, onEvent } = this.#options;
    for (const record of state.lanes) {
      if (!record) continue;
      const row = state.board.row(record.slot);
      const usage = row.pid === 0 ? null : readUsage(row.pid);
      row.memoryBytes = usage?.memoryBytes ?? 0;
      row.cpuMs = usage?.cpuMs ?? 0;
      if (usage !== null) this.#countCpu(row.pid, usage.cpuMs);
      this.#endNested(record, row);
    }
    onEvent({ type: 'swept' });
  }

  /** A script that has started php-cgi waits for it until its time is over, and its lane with it: see `nestedServers()`. */
  #endNested({ worker }: LaneRecord, row: LaneRow): void {
    const { clock, workers, onNested } = this.#options;
    // Of others it is not known that what they start serves: descriptor 0 comes down to whatever reads no input, such as a helper of Python's or Node's.
    if (!worker.generation.program.preforks) return;
    if (row.state !== 'busy' || row.pid === 0 || clock.now() - row.sinceMs < nestedAfterMs) return;
    const handle = workers.get(worker.id);
    if (handle === undefined) return;
    for (const pid of nestedServers(handle.pid, row.pid)) if (handle.endForeign(pid)) onNested(row, pid);
  }

  /** Adds what a process has used since the last look. Several lanes may have the same one. */
  #countCpu(pid: number, cpuMs: number): void {
    const before = this.#cpuMs.get(pid) ?? 0;
    // Less than before is another process with its id.
    this.#options.state.board.add('cpuMs', cpuMs >= before ? cpuMs - before : cpuMs);
    this.#cpuMs.set(pid, cpuMs);
    if (this.#cpuMs.size <= mostCounted) return;
    for (const known of this.#cpuMs.keys()) if (isGone(known)) this.#cpuMs.delete(known);
  }

  /** Something that a process started may hold its connection open: what the process itself had sent has come when it is looked at twice. */
  #lookAtRunning(): void {
    const { state, holders } = this.#options;
    for (const record of state.lanes) {
      if (!record) continue;
      const row = state.board.row(record.slot);
      const isRunning = row.state === 'busy' || row.state === 'draining';
      const isMissing = isRunning && this.#hasEnded(record, row.pid);
      if (!isMissing) this.#missing.delete(record);
      else if (this.#missing.has(record)) holders.breakLane(row);
      else this.#missing.add(record);
    }
    holders.describeRequests();
  }

  #lookAtChildren(): void {
    this.#childTimer = null;
    const { state, onEvent } = this.#options;
    const gone = state.lanes
      .filter((lane): lane is LaneRecord => Boolean(lane) && lane!.killAtMs !== null)
      .filter((lane) => lane.process === null || this.#hasEnded(lane, lane.process.pid))
      .map(({ slot }) => slot);
    onEvent({ type: 'looked', gone });
  }

  #hasEnded({ worker }: LaneRecord, pid: number): boolean {
    return pid !== 0 && (this.#options.workers.get(worker.id)?.hasEnded(pid) ?? true);
  }
}
