// Writes what is known of a lane's process into its row of the scoreboard.

import type { Lane } from '../worker/lane.ts';
import { readUsage } from '../worker/usage.ts';
import type { Crew } from './generation.ts';
import type { LaneFacts } from './governor.ts';
import type { Scoreboard } from './scoreboard.ts';

/** Whose lane it is. */
export function describeLane(board: Scoreboard, lane: Lane, crew: Crew): void {
  const { columns } = board;
  const { slot, process } = lane;
  const { preforks } = crew.worker.program;
  columns.generation[slot] = crew.generation.number;
  columns.workerPid[slot] = crew.worker.pid;
  columns.pid[slot] = process?.pid ?? (preforks ? 0 : crew.worker.pid);
  columns.startedAtMs[slot] = preforks && process !== null ? process.sinceMs : crew.worker.startedAtMs;
  columns.requests[slot] = process?.requests ?? 0;
}

/** One request more. */
export function countRequest(board: Scoreboard, lane: Lane): void {
  const { process, slot } = lane;
  const { columns } = board;
  if (process !== null) process.requests += 1;
  columns.requests[slot] = process?.requests ?? columns.requests[slot]! + 1;
}

/** What its process uses now. */
export function measureLane(board: Scoreboard, lane: Lane): void {
  const { columns } = board;
  const pid = columns.pid[lane.slot]!;
  const usage = pid === 0 ? null : readUsage(pid);
  columns.memoryBytes[lane.slot] = usage?.memoryBytes ?? 0;
  columns.cpuMs[lane.slot] = usage?.cpuMs ?? 0;
}

/** What the governor needs to know of a free lane. */
export function laneFacts(board: Scoreboard, { slot }: Lane, nowMs: number, isAboveMinimum: boolean): LaneFacts {
  const { columns } = board;
  return {
    requests: columns.requests[slot]!,
    ageMs: nowMs - columns.startedAtMs[slot]!,
    idleMs: nowMs - columns.sinceMs[slot]!,
    memoryBytes: columns.memoryBytes[slot]!,
    isAboveMinimum,
  };
}
