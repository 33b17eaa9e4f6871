// Decides what a pool starts now, what it waits for, and when nobody is left waiting. Pure.

import { type Generation, openLane, type PoolState, type Step, type WorkerRecord } from './pool-state.ts';
import type { EndKind } from './spawn-score.ts';

/** A worker that has not answered its probe after so long is hung. */
export const startTimeoutMs = 30_000;
/** A hold that ends so soon is waited for, not refused. */
const patienceMs = 1_000;
/** Where the system had no room for a process, it is tried again after so long. */
export const shortageMs = 500;

/**
 * 1. A lane is wanted for each request that waits and for which none is free or starting, and `minWorkers` are wanted always.
 * 2. Lanes never exceed `workers`; but one worker is always allowed, however many lanes it has.
 * 3. Workers that are being stopped may double their number for a while, no more.
 * 4. A program whose last start failed is started one at a time.
 * 5. The spawn score says how many may be started now; the first of a generation that has seen no bad end are free.
 * 6. What is wanted and not started sets a wake-up for the time when the next may be started.
 * 7. Where there is no lane and none may be started soon, nobody is left waiting.
 * @param refused requests that were refused just now, and would have waited
 */
export function govern(step: Step, refused = 0): void {
  const { state, nowMs, effects } = step;
  const isServing = state.phase === 'open' || (state.phase === 'closing' && state.waiting > 0);
  if (!isServing) {
    setWake(step, null);
    return;
  }
  const { generation } = state;
  const wanted = wantedWorkers(state, refused);
  // The usual case of a full pool costs no more than this.
  if (wanted === 0) {
    setWake(step, null);
    report(step, false);
    return;
  }
  const started = Math.min(wanted, spawnBudget(state, nowMs));
  for (let count = 0; count < started; count += 1) start(step, generation);
  const left = wantedWorkers(state, refused);
  const allowedAtMs = left > 0 ? nextSpawnMs(state, nowMs) : nowMs;
  setWake(step, left > 0 && Number.isFinite(allowedAtMs) ? Math.max(allowedAtMs, nowMs + 1) : null);
  const isHopeless = generation.lanes === 0 && left > 0;
  const isRefusing = isHopeless && (generation.score.isResting(nowMs) || allowedAtMs - nowMs > patienceMs);
  report(step, isRefusing);
  if (isRefusing && state.waiting + refused > 0) effects.push({ type: 'refuse' });
}

/** Starts one worker with its lanes. */
export function start({ state, nowMs, effects }: Step, generation: Generation): WorkerRecord {
  const { program, limits } = generation;
  const worker: WorkerRecord = {
    id: state.nextWorker,
    generation,
    lanes: new Set(),
    startedAtMs: nowMs,
    phase: 'starting',
    pid: 0,
    startByMs: nowMs + startTimeoutMs,
    usedAtMs: nowMs,
    hasWorked: false,
    hasLost: false,
    isGone: false,
    retirement: null,
  };
  state.nextWorker += 1;
  state.workers.set(worker.id, worker);
  generation.workers.add(worker);
  const lanes = Math.max(1, Math.min(program.lanesPerWorker, limits.workers - generation.lanes));
  for (let count = 0; count < lanes; count += 1) openLane(state, worker, nowMs);
  generation.startedLanes += lanes;
  generation.score.started(nowMs);
  state.board.add('spawned', 1);
  effects.push({ type: 'start', worker });
  return worker;
}

/** How many workers are wanted that do not live, and may be had but for the score. */
export function wantedWorkers({ generation, waiting, board }: PoolState, refused = 0): number {
  const { limits, program, lanes, startingLanes, workers, score } = generation;
  const { lanesPerWorker } = program;
  const free = waiting + refused > startingLanes ? board.count('idle') : 0;
  const wantedLanes = Math.max(waiting + refused - startingLanes - free, limits.minWorkers - lanes, 0);
  const byNeed = Math.ceil(wantedLanes / lanesPerWorker);
  const byLimit =
    lanes === 0
      ? Math.max(1, Math.floor(limits.workers / lanesPerWorker))
      : Math.ceil(Math.max(0, limits.workers - lanes) / lanesPerWorker);
  const byProcesses = Math.max(1, 2 * Math.ceil(limits.workers / lanesPerWorker)) - workers.size;
  const allowed = Math.max(0, Math.min(byNeed, byLimit, byProcesses));
  return score.isDoubted ? Math.min(allowed, startingLanes > 0 ? 0 : 1) : allowed;
}

/** How many may be started now. */
export function spawnBudget({ generation, shortUntilMs }: PoolState, nowMs: number): number {
  if (nowMs < shortUntilMs) return 0;
  const { score, program, limits, startedLanes } = generation;
  const free = score.hasBadEnds ? 0 : Math.ceil((limits.workers - startedLanes) / program.lanesPerWorker);
  return Math.max(free, score.budget(nowMs));
}

/** When the next may be started; Infinity where nothing takes the score off again. */
export function nextSpawnMs({ generation, shortUntilMs }: PoolState, nowMs: number): number {
  return Math.max(shortUntilMs, generation.score.allowedAtMs(nowMs));
}

/** Ends that are the program's own doing, also where we finished it. */
const faults: ReadonlySet<string> = new Set(['crash', 'protocol-error', 'timeout']);

/** What the end of a worker's process is for the spawn score: a death under a request is no failed start. */
export function endKindOf(
  { retirement, hasWorked, hasLost }: WorkerRecord,
  exit: { code: number | null; signal: string | null } | null,
): EndKind {
  const isPlanned = retirement !== null && !faults.has(retirement.reason);
  if (isPlanned || ((hasWorked || hasLost) && exit?.code === 0)) return 'planned';
  // No program sends itself SIGKILL: somebody else did, which says nothing about whether it can be started.
  const isForeign = retirement === null && exit?.signal === 'SIGKILL';
  return hasWorked || hasLost || isForeign ? 'killed' : 'failed';
}

/** Tells the log whether the program can be started, once for each change. */
export function report({ state, effects }: Step, isRefusing: boolean): void {
  const isFailing = state.generation.score.isDoubted;
  // A pool that has refused does so until its program has worked, whatever is tried meanwhile.
  const earlier = state.health === 'ready' ? 'failing' : state.health;
  const health = isRefusing && isFailing ? 'refusing' : isFailing ? earlier : 'ready';
  if (health === state.health) return;
  state.health = health;
  effects.push({ type: 'tell', what: { kind: 'health', generation: state.generation, health } });
}

function setWake({ state, effects }: Step, atMs: number | null): void {
  if (atMs === state.wakeAtMs) return;
  state.wakeAtMs = atMs;
  effects.push({ type: 'wake', atMs });
}
