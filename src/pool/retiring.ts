// How a process leaves, alone or with its worker, until nothing is left. Pure.

import type { Verdict } from '../leases/release.ts';
import type { StopReason } from '../queue/pool-snapshot.ts';
import { type Exit, endingWords } from '../worker/exit.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { LaneState } from '../worker/state.ts';
import {
  type Generation,
  type LaneRecord,
  moveLane,
  openLane,
  type PoolEvent,
  type Retirement,
  type Step,
  type WorkerRecord,
} from './pool-state.ts';

/** How long a process may take whose connection broke before it is killed: usually it is dead already. */
export const lostGraceMs = 1_000;

/** How a process is ended for a verdict other than `keep`. @param leaveMs how long one may finish its work with nobody listening */
export function endingOf(
  verdict: Exclude<Verdict, 'keep'>,
  leaveSignal: NodeJS.Signals,
  stopTimeoutMs: number,
  leaveMs: number,
): Retirement {
  switch (verdict) {
    case 'leave':
      return { reason: 'abandoned', signal: leaveSignal, graceMs: Math.max(leaveMs, lostGraceMs) };
    case 'stop':
      return { reason: 'protocol-error', signal: 'SIGTERM', graceMs: stopTimeoutMs };
    case 'kill':
      return { reason: 'timeout', signal: 'SIGKILL', graceMs: 0 };
    case 'end':
      return { reason: 'operator', signal: 'SIGKILL', graceMs: 0 };
    case 'lost':
      return { reason: 'crash', signal: 'SIGTERM', graceMs: lostGraceMs };
    case 'unreachable':
      return { reason: 'crash', signal: 'SIGTERM', graceMs: stopTimeoutMs };
  }
}

/** A verdict on the process behind a lane is carried out: on the child alone where it is one and known, else the worker. */
export function carryOut(step: Step, verdict: Exclude<Verdict, 'keep'>, lane: LaneRecord): void {
  const { worker, process } = lane;
  const { program, limits } = worker.generation;
  // What it may take with nobody listening: a time limit of the pool, or that of a stop.
  const leaveMs = limits.requestTimeoutMs || limits.readTimeoutMs || limits.stopTimeoutMs;
  const how = endingOf(verdict, program.leaveSignal ?? 'SIGTERM', limits.stopTimeoutMs, leaveMs);
  if (verdict === 'unreachable') {
    step.effects.push({ type: 'tell', what: { kind: 'unreachable', worker } });
    endWorker(step, lane, how);
  } else if (!program.preforks) {
    endWorker(step, lane, how);
  } else if (process !== null) {
    endChild(step, lane, how);
  } else if (verdict === 'lost' || verdict === 'leave') {
    // Nobody had taken the connection, or the one who had is dead: there is nothing to end.
    step.effects.push({ type: 'close-lane', slot: lane.slot });
    step.state.board.row(lane.slot).reason = how.reason;
    replaceLane(step, lane, step.state.board.state(lane.slot));
  } else {
    endWorker(step, lane, how);
  }
}

/** The last request of a lane whose worker retires has ended. */
export function drained(step: Step, lane: LaneRecord, verdict: Verdict): void {
  const { worker } = lane;
  const { preforks } = worker.generation.program;
  if (verdict !== 'keep' && preforks && lane.process !== null)
    step.effects.push({ type: 'signal', lane, signal: 'SIGKILL' });
  step.effects.push({ type: 'close-lane', slot: lane.slot });
  moveLane(step.state, lane, 'stopping', step.nowMs);
  // What else the process runs may finish, before it is killed.
  if ((verdict === 'kill' || verdict === 'end') && !preforks)
    worker.retirement = { ...worker.retirement!, signal: 'SIGKILL', graceMs: 0 };
  settle(step, worker);
}

/** Ends the process of a lane for a reason of ours, unless a request has taken it at this moment. */
export function recycle(step: Step, lane: LaneRecord, reason: StopReason, from: LaneState): void {
  const { program, limits } = lane.worker.generation;
  const how = { reason, signal: program.leaveSignal ?? 'SIGTERM', graceMs: limits.stopTimeoutMs } as const;
  if (program.preforks && lane.process !== null) endChild(step, lane, how, from);
  else endWorker(step, lane, how);
}

/** A free lane's connection was closed by the process that it had, which has ended, unless it only wants another connection. */
export function childLost(
  step: Step,
  lane: LaneRecord,
  { process, exit, isOutOfMemory = false }: PoolEvent & { readonly type: 'lost' },
): void {
  const { state, effects } = step;
  const { worker, slot } = lane;
  if (lane.process?.pid === process.pid) lane.process = null;
  if (exit === null) return;
  effects.push({ type: 'tell', what: { kind: 'child-exited', worker, pid: process.pid, exit, isOutOfMemory } });
  if (state.board.state(slot) === 'idle') state.board.row(slot).reason = 'crash';
  lane.exit = exit;
  childGone(step, lane, process, 'idle');
}

/** A child that was to end, or was free, has ended; its parent has forked another by now, or is about to. */
export function childGone(step: Step, lane: LaneRecord, process: LaneProcess | null, from: LaneState): void {
  const { state, effects } = step;
  const { board } = state;
  const { worker, slot } = lane;
  const reason = (from === 'idle' ? 'crash' : board.row(slot).reason) ?? 'crash';
  effects.push({ type: 'close-lane', slot });
  if (process !== null) effects.push({ type: 'forget', worker, process });
  board.countEnd(reason);
  noteEnd(step, lane, process?.pid ?? 0, reason, lane.exit);
  board.add('spawned', 1);
  replaceLane(step, lane, from);
}

/** Keeps the end of a process, with the request of a lane of it. */
export function noteEnd(
  { state, nowMs }: Step,
  lane: LaneRecord,
  pid: number,
  reason: StopReason,
  how: Exit | string | null,
): void {
  const { board, ends } = state;
  const { slot, worker, isLost } = lane;
  const row = board.row(slot);
  const { method, url, ranMs, beganAtMs } = row;
  const isRunning = row.state === 'busy' || row.state === 'draining';
  // What a child runs goes on without its parent.
  const isOfChild = lane.process !== null && lane.process.pid !== pid;
  ends.note({
    atMs: nowMs,
    pid,
    generation: worker.generation.number,
    reason,
    ending: endingWords(how),
    method: isOfChild ? '' : method,
    url: isOfChild ? '' : url,
    ranMs: isOfChild ? 0 : isRunning ? nowMs - beganAtMs : ranMs,
    isCause: !isOfChild && (isLost || isRunning),
  });
}

/** An operator wants a process replaced: a child or a whole worker, when what it runs is done. */
export function replace(step: Step, pid: number): void {
  const { state } = step;
  for (const worker of [...state.workers.values()]) {
    if (worker.retirement !== null || worker.phase !== 'ready') continue;
    const { program, limits } = worker.generation;
    if (worker.pid === pid) {
      const signal = program.leaveSignal ?? 'SIGTERM';
      retire(step, worker, { reason: 'operator', graceMs: limits.stopTimeoutMs, signal });
      return;
    }
    const lane = [...worker.lanes].find(({ process }) => process?.pid === pid);
    if (lane === undefined) continue;
    const row = state.board.row(lane.slot);
    // First: a request that ends at this moment finds it, or leaves a lane that is free.
    row.isAskedToLeave = true;
    recycle(step, lane, 'operator', 'idle');
    return;
  }
}

/** Takes no more requests on a worker; its process ends when the running ones have. Later calls change nothing, but for a shutdown. */
export function retire(step: Step, worker: WorkerRecord, how: Retirement): void {
  const { board } = step.state;
  const earlier = worker.retirement;
  if (earlier === null) {
    worker.generation.lanes -= worker.lanes.size;
  }
  const retirement = earlier === null || how.reason === 'shutdown' ? how : earlier;
  worker.retirement = retirement;
  for (const lane of worker.lanes) {
    const row = board.row(lane.slot);
    if (row.state === 'draining') continue;
    row.reason = retirement.reason;
    lane.killAtMs = null;
    retireLane(step, lane);
  }
  settle(step, worker);
}

/** What runs on a lane may finish; nothing more is taken. */
function retireLane(step: Step, lane: LaneRecord): void {
  const { state, nowMs, effects } = step;
  // A request may take it, or leave it, between the look and the move.
  for (;;) {
    const from = state.board.state(lane.slot);
    if (from === 'stopping' || from === 'draining') return;
    const to = from === 'busy' ? 'draining' : 'stopping';
    if (!moveLane(state, lane, to, nowMs, from)) continue;
    if (to === 'stopping') effects.push({ type: 'close-lane', slot: lane.slot });
    return;
  }
}

/** Retires the workers of a generation. */
export function retireAll(step: Step, generation: Generation, reason: StopReason): void {
  const { stopTimeoutMs: graceMs } = generation.limits;
  for (const worker of [...generation.workers]) retire(step, worker, { reason, graceMs, signal: 'SIGTERM' });
}

/** Takes a retiring worker a step further, when it is time for one. */
export function settle(step: Step, worker: WorkerRecord): void {
  const { state, nowMs, effects } = step;
  const { retirement } = worker;
  if (retirement === null) return;
  for (const lane of worker.lanes) if (state.board.state(lane.slot) === 'draining') return;
  if (!worker.isGone) {
    effects.push({ type: 'stop', worker, how: retirement });
    return;
  }
  for (const lane of [...worker.lanes]) moveLane(state, lane, 'gone', nowMs);
  worker.generation.workers.delete(worker);
  state.workers.delete(worker.id);
}

/** Ends the child behind a lane, and no other. */
export function endChild(step: Step, lane: LaneRecord, how: Retirement, from: LaneState = 'busy'): void {
  const { state, nowMs, effects } = step;
  if (!moveLane(state, lane, 'stopping', nowMs, from)) return;
  state.board.row(lane.slot).reason = how.reason;
  effects.push({ type: 'signal', lane, signal: how.signal });
  // After the signal: php-cgi goes on reading a kept connection until that ends, and then sees that it is to leave.
  effects.push({ type: 'close-lane', slot: lane.slot });
  lane.killAtMs = how.signal === 'SIGKILL' ? Number.POSITIVE_INFINITY : nowMs + how.graceMs;
  effects.push({ type: 'look' });
}

function endWorker(step: Step, lane: LaneRecord, how: Retirement): void {
  const { worker } = lane;
  const isOnly = worker.lanes.size === 1;
  step.effects.push({ type: 'close-lane', slot: lane.slot });
  moveLane(step.state, lane, 'stopping', step.nowMs);
  if (isOnly && how.signal === 'SIGKILL') step.effects.push({ type: 'kill', worker });
  retire(step, worker, how);
}

/** A new lane to the same worker in the place of one that is over; nothing, where a request has taken that at this moment. */
function replaceLane(step: Step, lane: LaneRecord, from: LaneState): void {
  const { state, nowMs, effects } = step;
  const { worker } = lane;
  if (!moveLane(state, lane, 'gone', nowMs, from)) return;
  if (worker.retirement !== null) {
    settle(step, worker);
    return;
  }
  const next = openLane(state, worker, nowMs);
  effects.push({ type: 'open-lane', lane: next });
  if (worker.phase !== 'ready') return;
  moveLane(state, next, 'idle', nowMs);
  step.isFreed = true;
}
