// Makes plain data of a pool and its scoreboard. Pure.

import type { LaneRow } from '../leases/lane-row.ts';
import { holderOf, nobody, stateOf } from '../leases/lane-word.ts';
import { type LaneSnapshot, operated, type PoolSnapshot, type ShownQueue, showBytes } from '../queue/pool-snapshot.ts';
import type { PoolState } from './pool-state.ts';

/** What a snapshot holds besides the state of a pool. */
export interface SnapshotFacts {
  readonly queue: Pick<ShownQueue, 'name' | 'phase' | 'counters' | 'durations' | 'slow'>;
  readonly startedAt: number;
  readonly nowMs: number;
  /** The same moment in milliseconds since 1970. */
  readonly epochMs: number;
}

export function snapshotOf(state: PoolState, facts: SnapshotFacts): PoolSnapshot {
  const { queue, startedAt, nowMs, epochMs } = facts;
  const { board, generation, name, lastReload } = state;
  const { program, limits, score, number } = generation;
  const lanes = board.rows.filter(({ state }) => state !== 'gone').map((row) => laneRow(row, nowMs));
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

function laneRow(row: LaneRow, nowMs: number): LaneSnapshot {
  const { word } = row;
  const state = stateOf(word);
  const isRunning = state === 'busy' || state === 'draining';
  return {
    lane: row.slot,
    pid: row.pid,
    workerPid: row.workerPid,
    thread: holderOf(word) === nobody ? null : holderOf(word),
    generation: row.generation,
    state,
    reason: row.reason,
    requests: row.requests,
    ageMs: nowMs - row.startedAtMs,
    sinceMs: nowMs - row.sinceMs,
    method: showBytes(row.method),
    url: showBytes(row.url),
    request: isRunning ? row.request : 0,
    ...row.about,
    waitedMs: row.waitedMs,
    runMs: isRunning ? nowMs - row.beganAtMs : row.ranMs,
    memoryBytes: row.memoryBytes,
    cpuMs: row.cpuMs,
    workedMs: row.workedMs,
  };
}
