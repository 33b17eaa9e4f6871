// How a process dies: what an outcome means for the one behind a lane, and how it leaves, alone or with its worker, until nothing is left. Pure.

import type { StopReason } from '../queue/pool-snapshot.ts';
import type { SeatOutcome } from '../queue/seat.ts';
import type { Exit } from '../worker/exit.ts';
import {
  describeLane,
  type Fate,
  type Generation,
  type LaneRecord,
  moveLane,
  offerLast,
  openLane,
  type Retirement,
  type Step,
  type WorkerRecord,
} from './pool-state.ts';

/**
 * What becomes of a lane's process:
 * - `keep`: it has finished the request, and takes the next one;
 * - `leave`: it may be at work still, with nobody listening: it is asked to finish and go, and killed after a while;
 * - `stop`: it does not keep to the protocol: SIGTERM, then SIGKILL;
 * - `kill`: SIGKILL now; `end`: the same, since an operator wants it;
 * - `lost`: its connection broke: it is dead, or about to be;
 * - `unreachable`: its worker takes no connection any more: the whole worker is replaced.
 */
export function fateOf({ code, isDone, isAborted }: SeatOutcome): Fate {
  // The client left: nothing that was cut short for that says anything about the process, but that it hangs.
  const isOurs = code === 'ANSWER_TIMEOUT' || code === 'POOL_CLOSING' || code === 'REQUEST_ENDED';
  if (isAborted && !isOurs) return isDone ? 'keep' : 'leave';
  switch (code) {
    case null:
    case 'OVERLOADED':
      return 'keep';
    case 'ANSWER_TIMEOUT':
    case 'POOL_CLOSING':
      return 'kill';
    case 'REQUEST_ENDED':
      return 'end';
    case 'CONNECT_FAILED':
      return 'unreachable';
    case 'CONNECTION_LOST':
    case 'ANSWER_TRUNCATED':
      return isDone ? 'keep' : 'lost';
    case 'PROTOCOL_ERROR':
    case 'CANT_MULTIPLEX':
    case 'UNKNOWN_ROLE':
      return 'stop';
    // The application's answer, or the request itself, was at fault: that is no reason to end a process.
    default:
      return isDone ? 'keep' : 'leave';
  }
}

/** How long a process may take whose connection broke before it is killed: usually it is dead already. */
export const lostGraceMs = 1_000;

/** How a process is ended for a fate other than `keep`. @param leaveMs how long one may finish its work with nobody listening */
export function endingOf(
  fate: Exclude<Fate, 'keep'>,
  leaveSignal: NodeJS.Signals,
  stopTimeoutMs: number,
  leaveMs: number,
): Retirement {
  switch (fate) {
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

/** The process behind a lane meets its fate: the child alone where it is one and known, else the worker. */
export function meetFate(step: Step, fate: Exclude<Fate, 'keep'>, lane: LaneRecord): void {
  const { worker, process } = lane;
  const { program, limits } = worker.generation;
  // What it may take with nobody listening: a time limit of the pool, or that of a stop.
  const leaveMs = limits.requestTimeoutMs || limits.readTimeoutMs || limits.stopTimeoutMs;
  const how = endingOf(fate, program.leaveSignal ?? 'SIGTERM', limits.stopTimeoutMs, leaveMs);
  if (fate === 'unreachable') {
    step.effects.push({ type: 'tell', what: { kind: 'unreachable', worker } });
    endWorker(step, lane, how);
  } else if (!program.preforks) {
    endWorker(step, lane, how);
  } else if (process !== null) {
    endChild(step, lane, how);
  } else if (fate === 'lost' || fate === 'leave') {
    // Nobody had taken the connection, or the one who had is dead: there is nothing to end.
    step.effects.push({ type: 'close-lane', slot: lane.slot });
    step.state.board.setReason(lane.slot, how.reason);
    replaceLane(step, lane);
  } else {
    endWorker(step, lane, how);
  }
}

/** The last request of a lane whose worker retires has ended. */
export function drained(step: Step, lane: LaneRecord, fate: Fate): void {
  const { worker } = lane;
  const { preforks } = worker.generation.program;
  if (fate !== 'keep' && preforks && lane.process !== null)
    step.effects.push({ type: 'signal', lane, signal: 'SIGKILL' });
  step.effects.push({ type: 'close-lane', slot: lane.slot });
  moveLane(step.state, lane, 'stopping', step.nowMs);
  // What else the process runs may finish, before it is killed.
  if ((fate === 'kill' || fate === 'end') && !preforks)
    worker.retirement = { ...worker.retirement!, signal: 'SIGKILL', graceMs: 0 };
  settle(step, worker);
}

/** Ends the process of a free lane for a reason of ours. */
export function recycle(step: Step, lane: LaneRecord, reason: StopReason): void {
  const { program, limits } = lane.worker.generation;
  const how = { reason, signal: program.leaveSignal ?? 'SIGTERM', graceMs: limits.stopTimeoutMs } as const;
  if (program.preforks && lane.process !== null) endChild(step, lane, how);
  else endWorker(step, lane, how);
}

/** A free lane's connection was closed by the other side: its child has ended, unless it only wants another connection. */
export function childLost(step: Step, lane: LaneRecord, exit: Exit | null): void {
  const { state, nowMs, effects } = step;
  const { process, worker } = lane;
  lane.process = null;
  if (exit === null || process === null) {
    describeLane(state, lane);
    offerLast(state, lane, nowMs);
    return;
  }
  const { pid } = process;
  effects.push({ type: 'tell', what: { kind: 'child-exited', generation: worker.generation, pid, exit } });
  lane.process = process;
  state.board.setReason(lane.slot, 'crash');
  lane.exit = exit;
  childGone(step, lane);
}

/** A child that was to end has; its parent has forked another by now, or is about to. */
export function childGone(step: Step, lane: LaneRecord): void {
  const { state, effects } = step;
  const { board } = state;
  const { worker, process } = lane;
  const reason = board.reason(lane.slot) ?? 'crash';
  effects.push({ type: 'close-lane', slot: lane.slot });
  if (process !== null) effects.push({ type: 'forget', worker, process });
  board.countEnd(reason);
  noteEnd(step, lane, process?.pid ?? 0, reason, lane.exit);
  board.add('spawned', 1);
  replaceLane(step, lane);
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
  const { ranMs, beganAtMs } = board.columns;
  const isRunning = board.state(slot) === 'busy' || board.state(slot) === 'draining';
  ends.note({
    atMs: nowMs,
    pid,
    generation: worker.generation.number,
    reason,
    how,
    method: board.method(slot),
    url: board.url(slot),
    ranMs: isRunning ? nowMs - beganAtMs[slot]! : ranMs[slot]!,
    isCause: isLost || isRunning,
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
    const laneState = state.board.state(lane.slot);
    if (laneState === 'idle') recycle(step, lane, 'operator');
    else if (laneState === 'busy') lane.isAskedToLeave = true;
    return;
  }
}

/** Takes no more requests on a worker; its process ends when the running ones have. Later calls change nothing, but for a shutdown. */
export function retire(step: Step, worker: WorkerRecord, how: Retirement): void {
  const { state, nowMs, effects } = step;
  const { board } = state;
  const earlier = worker.retirement;
  if (earlier === null) {
    worker.generation.lanes -= worker.lanes.size;
  }
  const retirement = earlier === null || how.reason === 'shutdown' ? how : earlier;
  worker.retirement = retirement;
  for (const lane of worker.lanes) {
    const laneState = board.state(lane.slot);
    if (laneState === 'draining') continue;
    board.setReason(lane.slot, retirement.reason);
    lane.killAtMs = null;
    if (laneState === 'stopping') continue;
    moveLane(state, lane, laneState === 'busy' ? 'draining' : 'stopping', nowMs);
    if (laneState !== 'busy') effects.push({ type: 'close-lane', slot: lane.slot });
  }
  settle(step, worker);
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
function endChild(step: Step, lane: LaneRecord, how: Retirement): void {
  const { state, nowMs, effects } = step;
  state.board.setReason(lane.slot, how.reason);
  moveLane(state, lane, 'stopping', nowMs);
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

/** A new lane to the same worker in the place of one that is over. */
function replaceLane(step: Step, lane: LaneRecord): void {
  const { state, nowMs, effects } = step;
  const { worker } = lane;
  moveLane(state, lane, 'gone', nowMs);
  if (worker.retirement !== null) {
    settle(step, worker);
    return;
  }
  const next = openLane(state, worker, nowMs);
  effects.push({ type: 'open-lane', lane: next });
  if (worker.phase !== 'ready') return;
  offerLast(state, next, nowMs);
  step.isFreed = true;
}
