import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DistantOwner } from '../../src/leases/thread-owner.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';

/** An owner of which it is told how often it rang for the pool. */
function owner(isFull: () => boolean): { tell: (atMs: number, refused?: number) => number } {
  let nowMs = 0;
  let rung = 0;
  const one = new DistantOwner({
    index: 1,
    waiting: new WaitingBoard(),
    generations: new Map(),
    send: () => {},
    ring: () => {
      rung += 1;
    },
    clock: { now: () => nowMs },
    isFull,
  });
  return {
    tell: (atMs, refused = 0) => {
      nowMs = atMs;
      one.wanted(refused);
      return rung;
    },
  };
}

describe('a front thread tells its pool of those that wait', () => {
  it('once in 5 ms, while there may be more lanes', () => {
    const { tell } = owner(() => false);
    assert.deepEqual(
      [0, 1, 4.9, 5, 6, 9, 10, 15].map((atMs) => tell(atMs)),
      [1, 1, 1, 2, 2, 2, 3, 4],
    );
  });

  it('ten times a second, while there are as many as there may be', () => {
    let isFull = true;
    const { tell } = owner(() => isFull);
    assert.deepEqual(
      [0, 5, 99, 100, 150, 200].map((atMs) => tell(atMs)),
      [1, 1, 1, 2, 2, 3],
    );
    isFull = false;
    assert.deepEqual(
      [299, 300, 305].map((atMs) => tell(atMs)),
      [3, 4, 5],
    );
  });

  it('at once, where one was refused', () => {
    const { tell } = owner(() => true);
    assert.deepEqual(
      [0, 1, 2].map((atMs) => tell(atMs, 1)),
      [1, 2, 3],
    );
  });
});
