// What must hold of the lease protocol at any moment at which no thread is in the midst of something, and no bell rings: read past the turns.

import { rowBytes } from '../../src/leases/lane-row.ts';
import { holderOf, isFree, stateOf, takerOf } from '../../src/leases/leases.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';

/** What is on the board now: null where all is well. */
export function freeWhileWaited(
  blocks: readonly SharedArrayBuffer[],
  waitingMemory: SharedArrayBuffer,
  fronts: readonly number[],
): string | null {
  const words = blocks.flatMap(wordsOf);
  if (!words.some(isFree)) return null;
  const waiting = new WaitingBoard(waitingMemory);
  const isLeft = (index: number): boolean => {
    const kept = words.filter((word) => stateOf(word) === 'idle' && takerOf(word) === index).length;
    return waiting.waiting(index) > kept;
  };
  if (!fronts.some(isLeft)) return null;
  const lanes = words
    .filter((word) => stateOf(word) !== 'gone')
    .map((word) => `${stateOf(word)} of ${holderOf(word)} for ${takerOf(word)}`);
  return `lanes: ${lanes.join(', ')}; waiting: ${fronts.map((index) => waiting.waiting(index)).join(', ')}`;
}

function wordsOf(block: SharedArrayBuffer): number[] {
  const cells = new Int32Array(block);
  return Array.from({ length: block.byteLength / rowBytes }, (_, row) => cells[(row * rowBytes) / 4]!);
}
