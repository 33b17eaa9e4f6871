// What must hold of the lease protocol at any moment at which no thread is in the midst of something, and no bell rings: read past the turns.

import { holderOf, isFree, type Leased, nobody, stateOf, takerOf } from '../../src/leases/lane-word.ts';
import { LaneBoard } from '../../src/leases/scoreboard.ts';
import { mostPauseMs } from '../../src/leases/second-look.ts';
import type { WaitingBoard } from '../../src/leases/waiting-board.ts';
import type { Stage } from './lock-step.ts';

/** Lanes, or permits, and those that wait for them. */
export interface Leasing {
  readonly rows: readonly Pick<Leased, 'word' | 'idleMs'>[];
  readonly waiting: WaitingBoard;
  readonly fronts: readonly number[];
  readonly stage: Stage;
}

/** The lanes of a pool. */
export function lanesOf(blocks: readonly SharedArrayBuffer[]): Leasing['rows'] {
  const board = new LaneBoard();
  for (const block of blocks) board.addBlock(block);
  return board.rows;
}

/**
 * What is on the board now: null where all is well.
 * 1. No request waits while a lane is free that nobody holds.
 * 2. A thread in which requests wait looks again before long, as long as a lane is free where it was of use a moment ago.
 * That none of those looks leaves a lane which is of no use where it is held is looked at when all have looked: time passes while one is being given back.
 */
export function freeWhileWaited({ rows, waiting, fronts, stage }: Leasing): string | null {
  const free = rows.filter(({ word }) => isFree(word));
  if (free.length === 0) return null;
  const isLeft = (index: number): boolean => {
    const kept = rows.filter(({ word }) => stateOf(word) === 'idle' && takerOf(word) === index).length;
    return waiting.waiting(index) > kept;
  };
  const left = fronts.filter(isLeft);
  if (left.length === 0) return null;
  const { nowMs } = stage;
  const untimed = left.find((index) => (stage.dueAtMs(index) ?? Number.POSITIVE_INFINITY) > nowMs + mostPauseMs);
  const isHeld = free.every(({ word }) => holderOf(word) !== nobody);
  if (isHeld && untimed === undefined) return null;
  const lanes = rows
    .filter(({ word }) => stateOf(word) !== 'gone')
    .map(
      (row) => `${stateOf(row.word)} of ${holderOf(row.word)} for ${takerOf(row.word)} since ${row.idleMs(nowMs)} ms`,
    );
  const waits = fronts.map((index) => `${waiting.waiting(index)} (looks again at ${stage.dueAtMs(index)})`);
  return `lanes: ${lanes.join(', ')}; waiting: ${waits.join(', ')}; now: ${nowMs}`;
}
