// A pool as plain data: its workers, lanes and generations; what can happen to it, and what is then to be done. Pure.

import type { LostRequest, RecycleLimits, Release } from '../leases/release.ts';
import type { Scoreboard } from '../leases/scoreboard.ts';
import type { StopReason } from '../queue/pool-snapshot.ts';
import { ProcessEnds } from '../queue/process-ends.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { Exit } from '../worker/exit.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Program } from '../worker/program.ts';
import type { LaneState } from '../worker/state.ts';
import { type ScoreLimits, SpawnScore } from './spawn-score.ts';

/** What a pool may do, by the names of the configuration. Every duration is in milliseconds; 0 is "no limit" where nothing else is said. */
export interface PoolLimits extends Omit<QueueLimits, 'seats'>, RecycleLimits, ScoreLimits {
  /** Lanes at most. */
  readonly workers: number;
  /** Lanes that are kept ready without traffic (for a preforking program: one worker process when above 0). */
  readonly minWorkers: number;
  /** How long a running request may go on when its process is retired, and how long SIGTERM has before SIGKILL. */
  readonly stopTimeoutMs: number;
}

/** What its queue needs of them. */
export function queueLimits(limits: PoolLimits): QueueLimits {
  const { workers, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs, slowAfterMs = 0 } = limits;
  return { seats: workers, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs, slowAfterMs };
}

/**
 * The life of a pool; each phase follows the one before it. `new`: it has not been started. `open`: it takes requests. `closing`: it takes
 * none, and serves those that wait. `ending`: nothing waits, and its processes end as they finish. `closed`: no process is left.
 */
export type PoolPhase = 'new' | 'open' | 'closing' | 'ending' | 'closed';

export const phaseMoves: Readonly<Record<PoolPhase, readonly PoolPhase[]>> = {
  new: ['open', 'closing', 'ending'],
  open: ['closing', 'ending'],
  closing: ['ending'],
  ending: ['closed'],
  closed: [],
};

/** The workers of one configuration, and the spawn score of its program. A reload starts the next one. */
export interface Generation {
  readonly number: number;
  readonly program: Program;
  readonly limits: PoolLimits;
  readonly score: SpawnScore;
  /** Whether a process may have had its time when a request of it ends. */
  readonly recycles: boolean;
  /** Those that are not gone. */
  readonly workers: Set<WorkerRecord>;
  /** Lanes of workers that are not retired: they can take a request, now or later, or their parent replaces them. */
  lanes: number;
  /** Those of them that are starting. */
  startingLanes: number;
  /** Lanes that were started in all. */
  startedLanes: number;
  /** Whether its program is asked FCGI_GET_VALUES at its start; not any more when one has died of it. */
  asksValues: boolean;
}

/** What is known of a worker's process: `starting`, `ready` (it has answered its probe), `exited` (something of its group may run on). */
export type WorkerPhase = 'starting' | 'ready' | 'exited';

/** A worker that is not gone. */
export interface WorkerRecord {
  readonly id: number;
  readonly generation: Generation;
  /** Those that are not gone. */
  readonly lanes: Set<LaneRecord>;
  readonly startedAtMs: number;
  phase: WorkerPhase;
  pid: number;
  /** When it has to be ready; Infinity when that is past, and it has been killed. */
  startByMs: number;
  /** When it was of use last: it became ready, or a request of it ended. */
  usedAtMs: number;
  /** Whether it has finished a request, or lived long enough. */
  hasWorked: boolean;
  /** Whether a request was lost with it: then its end is no failed start. */
  hasLost: boolean;
  /** Whether nothing of it runs any more. */
  isGone: boolean;
  /** null while it takes requests. */
  retirement: Retirement | null;
}

/** How a worker, or the process of a lane, is ended. */
export interface Retirement {
  readonly reason: StopReason;
  readonly signal: NodeJS.Signals;
  /** Before SIGKILL. */
  readonly graceMs: number;
}

/** A lane that is not gone; its state stands on the scoreboard. */
export interface LaneRecord {
  readonly slot: number;
  readonly worker: WorkerRecord;
  /** The process behind it; null while it is not known. */
  process: LaneProcess | null;
  /** Its child is to end: when SIGKILL is due; null: it is not. */
  killAtMs: number | null;
  /** Whether its process ends with the request that it had, and how, where that was seen. */
  isLost: boolean;
  exit: Exit | null;
}

/** All of a pool. */
export interface PoolState {
  readonly name: string;
  readonly board: Scoreboard;
  phase: PoolPhase;
  /** Whose lanes are given out. */
  generation: Generation;
  /** What a reload has started, and not given traffic yet. */
  next: Generation | null;
  lastNumber: number;
  lastReload: string | null;
  reloadBeganMs: number;
  readonly workers: Map<number, WorkerRecord>;
  nextWorker: number;
  /** By slot. */
  readonly lanes: (LaneRecord | null)[];
  /** Requests that wait in all threads: told with each event. */
  waiting: number;
  /** When it decides again what to start; null: nothing is held back. */
  wakeAtMs: number | null;
  /** Until then the system has no room for a process: nobody's fault. */
  shortUntilMs: number;
  readonly ends: ProcessEnds;
  /** Whether its program can be started, as the log was told. */
  health: 'ready' | 'failing' | 'refusing';
}

/** What can happen to a pool. */
export type PoolEvent =
  | { readonly type: 'open' }
  /** It has finished its first request. */
  | { readonly type: 'worked'; readonly worker: number }
  /** More requests wait, or were refused just now for want of a lane. */
  | { readonly type: 'wanted'; readonly refused: number }
  | { readonly type: 'woke' }
  /** A worker was launched. */
  | { readonly type: 'launched'; readonly worker: number; readonly pid: number }
  /** It has answered its probe. */
  | { readonly type: 'ready'; readonly worker: number }
  /** Its process has ended, or never began. */
  | {
      readonly type: 'exited';
      readonly worker: number;
      readonly exit: Exit | null;
      readonly ending: string;
      readonly isShortage: boolean;
      readonly diedAtQuestion: boolean;
    }
  /** Nothing of it is left. */
  | { readonly type: 'gone'; readonly worker: number }
  /** A lane has learnt which process it speaks with, or does not know it any more. */
  | { readonly type: 'known'; readonly slot: number; readonly process: LaneProcess | null }
  /** A free lane's connection was closed by the process that it had. @param exit how that has ended; null: it lives */
  | {
      readonly type: 'lost';
      readonly slot: number;
      readonly process: LaneProcess;
      readonly exit: Exit | null;
      /** Whether the kernel ended it for its memory. @default false */
      readonly isOutOfMemory?: boolean;
    }
  /** A lane's request has ended in a way that is more than "next, please". */
  | ({ readonly type: 'released'; readonly slot: number } & Release)
  /** Children that are to end were looked at: those that have. */
  | { readonly type: 'looked'; readonly gone: readonly number[] }
  /** The time has come to look at every process. */
  | { readonly type: 'swept' }
  /** `isTried`: the program can be started, as far as is known. */
  | { readonly type: 'reload'; readonly program: Program; readonly limits: PoolLimits; readonly isTried: boolean }
  /** An operator wants this process replaced: a child, or a whole worker. */
  | { readonly type: 'recycle'; readonly pid: number }
  /** The event loop of a front thread does not turn. @param waiting requests that wait in others */
  | { readonly type: 'stalled'; readonly thread: number; readonly waiting: number }
  | { readonly type: 'close' }
  /** It closes, and nobody waits any more. */
  | { readonly type: 'served' }
  | { readonly type: 'destroy' };

/** What is then to be done, in this order. */
export type Effect =
  | { readonly type: 'start'; readonly worker: WorkerRecord }
  /** A new lane to a worker that runs. */
  | { readonly type: 'open-lane'; readonly lane: LaneRecord }
  | { readonly type: 'close-lane'; readonly slot: number }
  /** A worker is asked to leave, and killed after the grace. Repeatable. */
  | { readonly type: 'stop'; readonly worker: WorkerRecord; readonly how: Retirement }
  | { readonly type: 'kill'; readonly worker: WorkerRecord }
  /** The process of a lane alone. */
  | { readonly type: 'signal'; readonly lane: LaneRecord; readonly signal: NodeJS.Signals }
  | { readonly type: 'forget'; readonly worker: WorkerRecord; readonly process: LaneProcess }
  /** Children that are to end are to be looked at until they have. */
  | { readonly type: 'look' }
  /** Lanes are free. */
  | { readonly type: 'freed' }
  /** Who waits is answered: no worker can be started soon. */
  | { readonly type: 'refuse' }
  | { readonly type: 'wake'; readonly atMs: number | null }
  /** The first worker since `open` is ready, or could not be started. */
  | { readonly type: 'started'; readonly failure: Failure | null }
  /** A reload took over, or could not. */
  | { readonly type: 'reloaded'; readonly failure: Failure | null }
  | { readonly type: 'closed' }
  | { readonly type: 'tell'; readonly what: Told };

/** Why a start or a reload failed. */
export interface Failure {
  readonly code: 'LAUNCH_FAILED' | 'POOL_CLOSING';
  readonly words: string;
}

/** What the log is told: see `pool-words.ts`. */
export type Told =
  | { readonly kind: 'lost'; readonly worker: WorkerRecord; readonly lost: LostRequest }
  | { readonly kind: 'exited'; readonly worker: WorkerRecord; readonly ending: string }
  | {
      readonly kind: 'child-exited';
      readonly worker: WorkerRecord;
      readonly pid: number;
      readonly exit: Exit;
      readonly isOutOfMemory: boolean;
    }
  | { readonly kind: 'unreachable' | 'late-start' | 'question'; readonly worker: WorkerRecord }
  | { readonly kind: 'taken-back'; readonly thread: number; readonly count: number }
  | { readonly kind: 'health'; readonly generation: Generation; readonly health: PoolState['health'] }
  | { readonly kind: 'reloaded'; readonly generation: Generation; readonly isOk: boolean; readonly words: string };

/** One step: the state that changes, the time, and what is to be done. */
export interface Step {
  readonly state: PoolState;
  readonly nowMs: number;
  readonly effects: Effect[];
  /** Lanes are free: told after all else is done, since a request that takes one must find what is behind it. */
  isFreed: boolean;
}

export function newGeneration(number: number, program: Program, limits: PoolLimits, asksValues = true): Generation {
  return {
    number,
    program,
    limits,
    score: new SpawnScore(limits),
    recycles: limits.maxRequests > 0 || limits.maxAgeMs > 0 || limits.maxMemoryBytes > 0,
    workers: new Set(),
    lanes: 0,
    startingLanes: 0,
    startedLanes: 0,
    asksValues,
  };
}

export function newPoolState(name: string, board: Scoreboard, program: Program, limits: PoolLimits): PoolState {
  return {
    name,
    board,
    phase: 'new',
    generation: newGeneration(1, program, limits),
    next: null,
    lastNumber: 1,
    lastReload: null,
    reloadBeganMs: 0,
    workers: new Map(),
    nextWorker: 1,
    lanes: [],
    waiting: 0,
    wakeAtMs: null,
    shortUntilMs: 0,
    ends: new ProcessEnds(),
    health: 'ready',
  };
}

/** Another lane to a worker; it is `starting`. */
export function openLane(state: PoolState, worker: WorkerRecord, nowMs: number): LaneRecord {
  const { board } = state;
  const slot = board.open(nowMs);
  const lane: LaneRecord = {
    slot,
    worker,
    process: null,
    killAtMs: null,
    isLost: false,
    exit: null,
  };
  state.lanes[slot] = lane;
  worker.lanes.add(lane);
  worker.generation.lanes += 1;
  worker.generation.startingLanes += 1;
  describeLane(state, lane);
  return lane;
}

/**
 * The only caller of the scoreboard's `move`; keeps what a generation counts.
 * @param from by default the state that it has
 * @returns false when it is not in that state any more: a request has taken the lane or left it at this moment
 */
export function moveLane(
  state: PoolState,
  lane: LaneRecord,
  to: LaneState,
  nowMs: number,
  from: LaneState = state.board.state(lane.slot),
): boolean {
  const { slot, worker } = lane;
  const { generation } = worker;
  if (!state.board.move(slot, from, to, nowMs)) return false;
  if (from === 'starting') generation.startingLanes -= 1;
  if (to !== 'gone') return true;
  worker.lanes.delete(lane);
  if (worker.retirement === null) generation.lanes -= 1;
  state.lanes[slot] = null;
  return true;
}

/** Lanes that are free. */
export function freeLanes(state: PoolState): LaneRecord[] {
  return state.lanes.filter((lane): lane is LaneRecord => !!lane && state.board.state(lane.slot) === 'idle');
}

/** Writes whose lane it is into its row of the scoreboard, while no thread holds it. */
export function describeLane({ board }: PoolState, { slot, worker, process }: LaneRecord): void {
  const { program } = worker.generation;
  const row = board.row(slot);
  row.worker = worker.id;
  row.generation = worker.generation.number;
  row.workerPid = worker.pid;
  row.pid = process?.pid ?? (program.preforks ? 0 : worker.pid);
  row.startedAtMs = worker.startedAtMs;
}
