// Makes plain data of a pool and its scoreboard. Pure.

import {
  aboutRequest,
  type LaneSnapshot,
  operated,
  type PoolSnapshot,
  type ShownQueue,
  showBytes,
} from '../queue/pool-snapshot.ts';
import type { PoolState } from './pool-state.ts';
import type { Scoreboard } from './scoreboard.ts';

/** What a snapshot holds besides the state of a pool. */
export interface SnapshotFacts {
  readonly queue: ShownQueue;
  readonly startedAt: number;
  readonly nowMs: number;
  /** The same moment in milliseconds since 1970. */
  readonly epochMs: number;
  /** By slot: the number of the request that runs there. */
  readonly requestOn: ReadonlyMap<number, number>;
}

export function snapshotOf(state: PoolState, facts: SnapshotFacts): PoolSnapshot {
  const { queue, startedAt, nowMs, epochMs, requestOn } = facts;
  const { board, generation, name, lastReload } = state;
  const { program, limits, score, number } = generation;
  const lanes: LaneSnapshot[] = [];
  for (let slot = 0; slot < board.slots; slot += 1) {
    if (board.state(slot) !== 'gone') lanes.push(laneRow(board, slot, nowMs, requestOn.get(slot) ?? 0));
  }
  return {
    name,
    kind: 'workers',
    program: program.title ?? program.command.join(' '),
    startedAt,
    workers: limits.workers,
    queue: limits.queue,
    ...operated(queue, notReady(state, nowMs)),
    lanes,
    servers: [],
    generation: number,
    governor: score.describe(nowMs),
    spawnScore: score.value(nowMs),
    spawned: board.counter('spawned'),
    cpuMs: board.counter('cpuMs'),
    ended: board.ended(),
    lastEnds: state.ends.snapshot(epochMs - nowMs),
    lastReload,
    manager: managerOf(generation),
  };
}

/** How the number of processes is decided, in PHP-FPM's words. */
function managerOf({ limits, program }: PoolState['generation']): PoolSnapshot['manager'] {
  if (limits.minWorkers === 0) return 'ondemand';
  return program.preforks || limits.minWorkers >= limits.workers ? 'static' : 'dynamic';
}

/** Why no request can be run now, in words; null: one can. */
function notReady({ board, generation, name, phase }: PoolState, nowMs: number): string | null {
  if (phase !== 'open') return `pool ${name} is ${phase === 'new' ? 'not started' : 'closing'}`;
  if (board.count('idle') + board.count('busy') > 0) return null;
  const { score, limits } = generation;
  const isHeld = score.allowedAtMs(nowMs) > nowMs;
  if (limits.minWorkers === 0 && !isHeld) return null;
  return `pool ${name} has no worker that is ready${isHeld ? `: ${score.describe(nowMs)}` : ''}`;
}

function laneRow(board: Scoreboard, slot: number, nowMs: number, request: number): LaneSnapshot {
  const { columns } = board;
  const state = board.state(slot);
  const isRunning = state === 'busy' || state === 'draining';
  return {
    lane: slot,
    pid: columns.pid[slot]!,
    workerPid: columns.workerPid[slot]!,
    generation: columns.generation[slot]!,
    state,
    reason: board.reason(slot),
    requests: columns.requests[slot]!,
    ageMs: nowMs - columns.startedAtMs[slot]!,
    sinceMs: nowMs - columns.sinceMs[slot]!,
    method: showBytes(board.method(slot)),
    url: showBytes(board.url(slot)),
    request,
    ...aboutRequest(board.environment(slot)),
    waitedMs: columns.waitedMs[slot]!,
    runMs: isRunning ? nowMs - columns.beganAtMs[slot]! : columns.ranMs[slot]!,
    memoryBytes: columns.memoryBytes[slot]!,
    cpuMs: columns.cpuMs[slot]!,
    workedMs: columns.workedMs[slot]!,
  };
}
