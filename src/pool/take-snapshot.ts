// Makes plain data of a scoreboard.

import { escapeControl } from '../worker/output.ts';
import type { Scoreboard } from './scoreboard.ts';
import type { LaneSnapshot, PoolCounters, PoolSnapshot } from './snapshot.ts';

/** Bytes of a URL that are shown. */
const maxTextBytes = 200;

/** What a snapshot holds besides the scoreboard. */
export type SnapshotHead = Omit<PoolSnapshot, 'counters' | 'lanes'> & { readonly nowMs: number };

export function takeSnapshot(board: Scoreboard, { nowMs, ...head }: SnapshotHead): PoolSnapshot {
  const lanes: LaneSnapshot[] = [];
  for (let slot = 0; slot < board.slots; slot += 1) {
    if (board.state(slot) !== 'gone') lanes.push(takeLane(board, slot, nowMs));
  }
  return { ...head, counters: takeCounters(board), lanes };
}

function takeLane(board: Scoreboard, slot: number, nowMs: number): LaneSnapshot {
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
    method: show(board.method(slot)),
    url: show(board.url(slot)),
    waitedMs: columns.waitedMs[slot]!,
    runMs: isRunning ? nowMs - columns.beganAtMs[slot]! : columns.ranMs[slot]!,
    memoryBytes: columns.memoryBytes[slot]!,
    cpuMs: columns.cpuMs[slot]!,
  };
}

function takeCounters(board: Scoreboard): PoolCounters {
  return {
    accepted: board.counter('accepted'),
    waiting: board.counter('waiting'),
    running: board.counter('running'),
    finished: board.counter('finished'),
    refused: board.counter('refused'),
    aborted: board.counter('aborted'),
    failed: board.counter('failed'),
    maxWaiting: board.counter('maxWaiting'),
    maxRunning: board.counter('maxRunning'),
    maxWorkersReached: board.counter('maxWorkersReached'),
    retried: board.counter('retried'),
    spawned: board.counter('spawned'),
    ended: board.ended(),
  };
}

/** Byte strings of clients as text: what is not ASCII is escaped as well, since its encoding is not known. */
function show(bytes: string): string {
  return escapeControl(bytes.slice(0, maxTextBytes)).replace(
    /[\x80-\xff]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16)}`,
  );
}
