// The pool decides: what happened goes in, what is to be done comes out. Pure: it reads no clock, starts nothing and tells nobody.
//
//                          reload                          close          served            nothing left
//   generation 1 -> next generation -> takes over      open -> closing -> ending -> closed

import type { Program } from '../worker/program.ts';
import type { PoolLimits } from './pool-state.ts';
import {
  describeLane,
  type Effect,
  type Failure,
  type LaneRecord,
  moveLane,
  newGeneration,
  type PoolEvent,
  type PoolPhase,
  type PoolState,
  phaseMoves,
  type Step,
  type WorkerRecord,
} from './pool-state.ts';
import { sweep, takeBack } from './recycling.ts';
import {
  carryOut,
  childGone,
  childLost,
  drained,
  lostGraceMs,
  noteEnd,
  recycle,
  replace,
  retire,
  retireAll,
  settle,
} from './retiring.ts';
import { endKindOf, govern, report, shortageMs, start } from './spawning.ts';

/**
 * One event, and all that follows from it.
 * @param state changed in place
 * @returns what is to be done, in this order
 */
export function step(state: PoolState, event: PoolEvent, nowMs: number): readonly Effect[] {
  const effects: Effect[] = [];
  const one: Step = { state, nowMs, effects, isFreed: false };
  handle(one, event);
  govern(one, event.type === 'wanted' ? event.refused : 0);
  if (one.isFreed) effects.push({ type: 'freed' });
  if (state.phase === 'ending' && state.workers.size === 0) {
    movePhase(state, 'closed');
    effects.push({ type: 'closed' });
  }
  return effects;
}

function handle(one: Step, event: PoolEvent): void {
  const { state, effects } = one;
  switch (event.type) {
    case 'open':
      movePhase(state, 'open');
      return;
    case 'wanted':
      return;
    case 'woke':
      state.wakeAtMs = null;
      return;
    case 'launched':
      launched(one, event.worker, event.pid);
      return;
    case 'ready':
      ready(one, event.worker);
      return;
    case 'exited':
      exited(one, event);
      return;
    case 'gone': {
      const worker = state.workers.get(event.worker);
      if (worker === undefined) return;
      worker.isGone = true;
      settle(one, worker);
      return;
    }
    case 'known': {
      const lane = state.lanes[event.slot];
      if (!lane || lane.killAtMs !== null) return;
      lane.process = event.process;
      return;
    }
    case 'lost': {
      const lane = state.lanes[event.slot];
      const { preforks } = state.generation.program;
      const isOpen = lane && (state.board.state(event.slot) === 'idle' || state.board.state(event.slot) === 'busy');
      if (isOpen && preforks) childLost(one, lane, event);
      return;
    }
    case 'worked': {
      const worker = state.workers.get(event.worker);
      if (worker !== undefined) worked(one, worker);
      return;
    }
    case 'released':
      released(one, event);
      return;
    case 'looked':
      looked(one, event.gone);
      return;
    case 'swept':
      sweep(one);
      killLate(one);
      return;
    case 'reload':
      reload(one, event.program, event.limits, event.isTried);
      return;
    case 'recycle':
      replace(one, event.pid);
      return;
    case 'stalled':
      takeBack(one, event.thread, event.waiting);
      return;
    case 'close':
      if (state.phase === 'new' || state.phase === 'open') movePhase(state, 'closing');
      if (state.next !== null) reloadFailed(one, closingFailure(state));
      effects.push({ type: 'started', failure: closingFailure(state) });
      return;
    case 'served':
      endAll(one);
      return;
    case 'destroy':
      endAll(one);
      for (const worker of state.workers.values()) effects.push({ type: 'kill', worker });
      return;
  }
}

function launched({ state }: Step, id: number, pid: number): void {
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  worker.pid = pid;
  for (const lane of worker.lanes) describeLane(state, lane);
}

/** Its lanes become free, unless its generation has not taken over yet. */
function ready(one: Step, id: number): void {
  const { state, nowMs, effects } = one;
  const worker = state.workers.get(id);
  if (worker === undefined || worker.phase !== 'starting') return;
  worker.phase = 'ready';
  worker.usedAtMs = nowMs;
  if (worker.retirement !== null) return;
  if (worker.generation === state.next) {
    if ([...state.next.workers].every(({ phase }) => phase === 'ready')) switchOver(one);
    return;
  }
  admit(one, worker);
  effects.push({ type: 'started', failure: null });
}

/** The lanes of a worker that is ready become free. */
function admit(one: Step, worker: WorkerRecord): void {
  const { state, nowMs } = one;
  if (worker.retirement !== null) return;
  for (const lane of [...worker.lanes].reverse()) {
    if (state.board.state(lane.slot) === 'starting') moveLane(state, lane, 'idle', nowMs);
  }
  one.isFreed = true;
}

/** The process of a worker has ended, or never began. */
function exited(one: Step, event: PoolEvent & { readonly type: 'exited' }): void {
  const { state, nowMs, effects } = one;
  const worker = state.workers.get(event.worker);
  if (worker === undefined || worker.phase === 'exited') return;
  const { generation, retirement } = worker;
  const wasReady = worker.phase === 'ready';
  worker.phase = 'exited';
  const hasRequest = ({ slot }: LaneRecord): boolean => ['busy', 'draining'].includes(state.board.state(slot));
  worker.hasLost ||= [...worker.lanes].some(hasRequest);
  const reason = retirement?.reason ?? 'crash';
  const lane = endedLane(worker, hasRequest);
  if (lane !== undefined) noteEnd(one, lane, worker.pid, reason, event.ending);
  const isOfQuestion = event.diedAtQuestion;
  if (isOfQuestion) {
    generation.score.ended('planned', event.ending, nowMs);
    if (generation.asksValues) effects.push({ type: 'tell', what: { kind: 'question', worker } });
    generation.asksValues = false;
  } else if (event.isShortage) {
    // No fault of the program's: what its start had cost is given back, and it is tried again soon.
    generation.score.ended('planned', event.ending, nowMs);
    state.shortUntilMs = nowMs + shortageMs;
  } else {
    generation.score.ended(endKindOf(worker, event.exit), event.ending, nowMs);
  }
  state.board.countEnd(reason);
  if (retirement === null) effects.push({ type: 'tell', what: { kind: 'exited', worker, ending: event.ending } });
  // Preforked children outlive their parent: they may finish what they run, each within its own time.
  retire(one, worker, { reason: 'crash', graceMs: lostGraceMs, signal: 'SIGTERM' });
  if (isOfQuestion && generation === state.next) {
    start(one, generation);
    return;
  }
  if (isOfQuestion) return;
  const words = launchWords(worker, event.ending);
  const failure = (consequence: string): Failure => ({ code: 'LAUNCH_FAILED', words: `${words}: ${consequence}` });
  if (generation === state.next) reloadFailed(one, failure('the new workers did not start, the old ones go on'));
  else if (!wasReady) effects.push({ type: 'started', failure: failure('it is tried again') });
}

/** The lane that tells with which request a worker ended: the one that lost it, where one did. */
function endedLane({ lanes }: WorkerRecord, hasRequest: (lane: LaneRecord) => boolean): LaneRecord | undefined {
  const all = [...lanes];
  return all.find(({ isLost }) => isLost) ?? all.find(hasRequest) ?? all[0];
}

/** A worker has finished its first request: its program can be started. */
function worked(one: Step, worker: WorkerRecord): void {
  if (worker.hasWorked) return;
  worker.hasWorked = true;
  worker.generation.score.worked();
  if (worker.generation === one.state.generation) report(one, false);
}

/** A lane's request has ended. */
function released(one: Step, event: PoolEvent & { readonly type: 'released' }): void {
  const { state, nowMs, effects } = one;
  const lane = state.lanes[event.slot];
  if (!lane) return;
  const { worker } = lane;
  const { verdict, reason, lost } = event;
  worker.usedAtMs = nowMs;
  // What the process had is lost with it, or was taken from it.
  lane.isLost = verdict !== 'keep';
  lane.exit = lost?.exit ?? null;
  if (lost !== null) {
    worker.hasLost = true;
    effects.push({ type: 'tell', what: { kind: 'lost', worker, lost } });
  }
  if (state.board.state(event.slot) === 'draining') {
    drained(one, lane, verdict);
    return;
  }
  if (verdict !== 'keep') carryOut(one, verdict, lane);
  else if (reason !== null) recycle(one, lane, reason, 'busy');
  else {
    moveLane(state, lane, 'idle', nowMs);
    one.isFreed = true;
  }
}

/** Children that are to end were looked at: those that have make room, those whose time is over are killed. */
function looked(one: Step, gone: readonly number[]): void {
  const { state, nowMs, effects } = one;
  for (const slot of gone) {
    const lane = state.lanes[slot];
    if (lane && lane.killAtMs !== null) childGone(one, lane, lane.process, 'stopping');
  }
  for (const lane of state.lanes) {
    if (!lane || lane.killAtMs === null) continue;
    if (nowMs >= lane.killAtMs) {
      lane.killAtMs = Number.POSITIVE_INFINITY;
      effects.push({ type: 'signal', lane, signal: 'SIGKILL' });
    }
    effects.push({ type: 'look' });
  }
}

/** Workers that do not answer their probe are killed. */
function killLate({ state, nowMs, effects }: Step): void {
  for (const worker of state.workers.values()) {
    if (worker.retirement !== null || worker.phase !== 'starting' || nowMs < worker.startByMs) continue;
    worker.startByMs = Number.POSITIVE_INFINITY;
    effects.push({ type: 'tell', what: { kind: 'late-start', worker } }, { type: 'kill', worker });
  }
}

/** Starts the next generation: so many workers that it can carry what the present one does, and one where nobody knows that it can start. */
function reload(one: Step, program: Program, limits: PoolLimits, isTried: boolean): void {
  const { state, nowMs, effects } = one;
  if (state.phase !== 'open' || state.next !== null) {
    effects.push({ type: 'reloaded', failure: closingFailure(state) });
    return;
  }
  state.lastNumber += 1;
  const next = newGeneration(state.lastNumber, program, limits, state.generation.asksValues);
  state.next = next;
  state.reloadBeganMs = nowMs;
  const least = isTried ? 0 : 1;
  const lanes = Math.min(limits.workers, Math.max(least, limits.minWorkers, state.generation.lanes));
  const workers = Math.ceil(lanes / program.lanesPerWorker);
  for (let count = 0; count < workers; count += 1) start(one, next);
  if (workers === 0) switchOver(one);
}

/** All that a reload has started is ready: it takes over, at this moment. */
function switchOver(one: Step): void {
  const { state, nowMs, effects } = one;
  const old = state.generation;
  const next = state.next!;
  state.generation = next;
  state.next = null;
  for (const worker of next.workers) admit(one, worker);
  effects.push({ type: 'started', failure: null });
  retireAll(one, old, 'reload');
  report(one, false);
  const words = `generation ${next.number} took over after ${Math.round(nowMs - state.reloadBeganMs)} ms`;
  state.lastReload = words;
  effects.push({ type: 'tell', what: { kind: 'reloaded', generation: next, isOk: true, words } });
  effects.push({ type: 'reloaded', failure: null });
}

/** The next generation cannot take over: what was started of it ends, and the old one goes on. */
function reloadFailed(one: Step, failure: Failure): void {
  const { state, effects } = one;
  const next = state.next!;
  state.next = null;
  state.lastReload = `failed: ${failure.words}`;
  retireAll(one, next, 'reload');
  effects.push({ type: 'tell', what: { kind: 'reloaded', generation: next, isOk: false, words: failure.words } });
  effects.push({ type: 'reloaded', failure });
}

/** Nobody waits any more: processes end as they finish. */
function endAll(one: Step): void {
  const { state } = one;
  if (state.next !== null) reloadFailed(one, closingFailure(state));
  if (state.phase !== 'ending' && state.phase !== 'closed') movePhase(state, 'ending');
  for (const worker of [...state.workers.values()]) {
    const { stopTimeoutMs: graceMs } = worker.generation.limits;
    retire(one, worker, { reason: 'shutdown', graceMs, signal: 'SIGTERM' });
  }
}

/** Why a worker did not start, in words. */
function launchWords({ generation }: WorkerRecord, ending: string): string {
  const program = generation.program.command[0]!;
  return ending.startsWith(program) ? ending : `${program} ended at its start (${ending})`;
}

const closingFailure = ({ name }: PoolState): Failure => ({ code: 'POOL_CLOSING', words: `pool ${name} is closing` });

function movePhase(state: PoolState, to: PoolPhase): void {
  if (!phaseMoves[state.phase].includes(to))
    throw new Error(`pool ${state.name} cannot go from ${state.phase} to ${to}`);
  state.phase = to;
}
