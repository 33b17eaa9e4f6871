// Decides which free processes have had their time. Reads the scoreboard, and changes nothing.

import type { Lane } from '../worker/lane.ts';
import type { StopReason } from '../worker/state.ts';
import type { Crew } from './generation.ts';
import { recycleReason } from './governor.ts';
import { laneFacts } from './lane-row.ts';
import type { Scoreboard } from './scoreboard.ts';

/** A free lane whose process is to be ended, and why. */
export interface Recycled {
  readonly lane: Lane;
  readonly crew: Crew;
  readonly reason: StopReason;
}

/**
 * 1. A process goes when the governor gives a reason, the one that was free longest first.
 * 2. For idleness it goes only while more than `minWorkers` would stay: workers, or children that have been used.
 * 3. A child that was never used, or is not known, still shares all it has with its parent: it stays.
 * @param idle the free lanes, all of one generation, the one that was used last at the end
 */
export function lanesToRecycle(
  board: Scoreboard,
  idle: readonly Lane[],
  crewOf: (lane: Lane) => Crew,
  nowMs: number,
): Recycled[] {
  const isUsed = (lane: Lane): boolean => lane.isConnected && board.columns.requests[lane.slot]! > 0;
  const recycled: Recycled[] = [];
  const usedLanes = idle.filter(isUsed).length;
  for (const lane of idle) {
    const crew = crewOf(lane);
    const { program, limits, lanes } = crew.generation;
    if (program.preforks && !isUsed(lane)) continue;
    const staying = (program.preforks ? usedLanes : lanes) - recycled.length;
    const reason = recycleReason(laneFacts(board, lane, nowMs, staying > limits.minWorkers), limits);
    if (reason !== null) recycled.push({ lane, crew, reason });
  }
  return recycled;
}

/** Whether a preforking worker that nobody asked to keep has had nothing to do for long. */
export function isIdleWorker(board: Scoreboard, crew: Crew, nowMs: number): boolean {
  const { limits, program } = crew.generation;
  if (!program.preforks || crew.retirement !== null || limits.minWorkers > 0 || limits.idleTimeoutMs === 0)
    return false;
  const isIdle = ({ slot }: Lane): boolean =>
    board.state(slot) === 'idle' && nowMs - board.columns.sinceMs[slot]! >= limits.idleTimeoutMs;
  return [...crew.lanes].every(isIdle);
}
