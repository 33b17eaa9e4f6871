// Decides which processes have had their time: too many requests, too old, too large, idle for too long, held by a thread that does not turn. Pure.

import type { LaneRow } from '../leases/lane-row.ts';
import { holderOf } from '../leases/lane-word.ts';
import type { RecycleLimits } from '../leases/release.ts';
import type { StopReason } from '../queue/pool-snapshot.ts';
import { freeLanes, type LaneRecord, type Step, type WorkerRecord } from './pool-state.ts';
import { endChild, recycle, retire } from './retiring.ts';
import { minServerLifeMs } from './spawn-score.ts';

/** What is known of a process that has no request. */
interface ProcessFacts {
  readonly requests: number;
  readonly ageMs: number;
  readonly idleMs: number;
  readonly memoryBytes: number;
  /** Whether the pool may shrink by it. */
  readonly isAboveMinimum: boolean;
}

/** Why a process should be recycled now that it has no request; null: it should not. */
export function recycleReason(process: ProcessFacts, limits: RecycleLimits): StopReason | null {
  const { maxRequests, maxAgeMs, maxMemoryBytes, idleTimeoutMs } = limits;
  if (maxRequests > 0 && process.requests >= maxRequests) return 'max-requests';
  if (maxAgeMs > 0 && process.ageMs >= maxAgeMs) return 'max-age';
  if (maxMemoryBytes > 0 && process.memoryBytes > maxMemoryBytes) return 'max-memory';
  if (idleTimeoutMs > 0 && process.isAboveMinimum && process.idleMs >= idleTimeoutMs) return 'idle';
  return null;
}

/** Once a second: a worker that has lived long enough has shown that its program works; those whose time has come leave. */
export function sweep(step: Step): void {
  const { state, nowMs } = step;
  for (const worker of [...state.workers.values()]) {
    if (worker.retirement !== null || worker.phase !== 'ready') continue;
    if (!worker.hasWorked && nowMs - worker.startedAtMs >= minServerLifeMs) {
      worker.hasWorked = true;
      worker.generation.score.worked();
    }
    if (worker.generation !== state.generation) continue;
    if (worker.generation.program.preforks) sweepChildren(step, worker);
    else sweepWorker(step, worker);
  }
}

/**
 * 1. A free child goes when there is a reason, the one that was free longest first.
 * 2. For idleness it goes only while more than `minWorkers` that have been used would stay. A child that was never used, or is not known,
 *    shares all it has with its parent: it stays.
 * 3. Where none need stay, the whole worker goes when nothing of it was used for `idleTimeout`.
 */
function sweepChildren(step: Step, worker: WorkerRecord): void {
  const { state, nowMs } = step;
  const { board } = state;
  const { limits } = worker.generation;
  const { idleTimeoutMs, minWorkers } = limits;
  const all = freeLanes(state);
  const free = all.filter((lane) => lane.worker === worker);
  for (const { slot } of worker.lanes) worker.usedAtMs = Math.max(worker.usedAtMs, endOfWork(board.row(slot)));
  const isUnused = nowMs - worker.usedAtMs >= idleTimeoutMs && free.length === worker.lanes.size;
  if (minWorkers === 0 && idleTimeoutMs > 0 && isUnused) {
    retire(step, worker, { reason: 'idle', graceMs: limits.stopTimeoutMs, signal: 'SIGTERM' });
    return;
  }
  // One whose thread has just let go of its process is not known, whatever was heard last.
  const isUsed = ({ slot, process }: LaneRecord): boolean =>
    process !== null && process.pid === board.row(slot).pid && board.row(slot).requests > 0;
  let staying = all.filter(isUsed).length;
  const since = ({ slot }: LaneRecord): number => board.row(slot).sinceMs;
  for (const lane of free.filter(isUsed).sort((one, other) => since(one) - since(other))) {
    const row = board.row(lane.slot);
    const reason = recycleReason(
      {
        requests: row.requests,
        ageMs: nowMs - row.startedAtMs,
        idleMs: nowMs - row.sinceMs,
        memoryBytes: row.memoryBytes,
        isAboveMinimum: staying > minWorkers,
      },
      limits,
    );
    if (reason === null) continue;
    staying -= 1;
    recycle(step, lane, reason, 'idle');
  }
}

/**
 * Takes free lanes from a thread whose event loop does not turn. It cannot close their connections, so their processes are replaced: they have nothing to lose.
 * @param most so many requests wait in others
 */
export function takeBack(step: Step, thread: number, most: number): void {
  const { state, effects } = step;
  const how = { reason: 'abandoned', signal: 'SIGKILL', graceMs: 0 } as const;
  let count = 0;
  for (const lane of freeLanes(state)) {
    if (count === most) break;
    const { worker, process, slot } = lane;
    if (holderOf(state.board.row(slot).word) !== thread) continue;
    const { preforks } = worker.generation.program;
    if (preforks && process !== null) endChild(step, lane, how, 'idle');
    else if (!preforks && worker.lanes.size === 1) retire(step, worker, how);
    else continue;
    count += 1;
  }
  if (count > 0) effects.push({ type: 'tell', what: { kind: 'taken-back', thread, count } });
}

/** When the last request of a lane's process has ended. */
const endOfWork = ({ beganAtMs, ranMs }: LaneRow): number => beganAtMs + ranMs;

/** A process without children goes as a whole, with all its lanes: for a limit of its own when its requests are done, for idleness when all are free. */
function sweepWorker(step: Step, worker: WorkerRecord): void {
  const { state, nowMs } = step;
  const { board } = state;
  const { limits, program, lanes } = worker.generation;
  const all = [...worker.lanes];
  const [first] = all;
  const isFree = all.every(({ slot }) => board.state(slot) === 'idle');
  // A program with one lane is looked at again when its request is done.
  if (first === undefined || (!isFree && all.length === 1)) return;
  const reason = recycleReason(
    {
      requests: board.row(first.slot).requests,
      ageMs: nowMs - worker.startedAtMs,
      idleMs: isFree ? Math.min(...all.map(({ slot }) => nowMs - board.row(slot).sinceMs)) : 0,
      memoryBytes: board.row(first.slot).memoryBytes,
      isAboveMinimum: lanes - all.length >= limits.minWorkers,
    },
    limits,
  );
  if (reason === null) return;
  const signal = program.leaveSignal ?? 'SIGTERM';
  retire(step, worker, { reason, graceMs: limits.stopTimeoutMs, signal });
}
