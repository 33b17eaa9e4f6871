// Permits among threads: whatever order they touch shared memory in, no more requests run and wait than may, and none waits while one may run.

import assert from 'node:assert/strict';
import test from 'node:test';
import { newPermitMemory, PermitBoard } from '../../src/leases/permit-board.ts';
import { PermitTheatre } from '../property/permit-play.ts';
import { seedOf } from '../support/seeded-fast-check.ts';

/** Enough for each mistake that was tried to be found; `npm run fuzz` has more. */
const plays = 2_000;

test('permits, deaths of threads and other limits in any order of accesses to shared memory keep the invariants', (t) => {
  const theatre = new PermitTheatre();
  t.after(() => theatre.close());
  let requests = 0;
  const first = seedOf(process.env.SEED);
  for (let seed = first; seed < first + plays; seed += 1) {
    try {
      requests += theatre.play(seed);
    } catch (error) {
      throw new Error(`seed ${seed} does not hold: SEED=${seed}`, { cause: error });
    }
  }
  assert.ok(requests > plays);
});

test('a permit that a thread has kept for weeks is free for others, whatever its cell has run over', () => {
  const board = new PermitBoard(newPermitMemory());
  board.use(1);
  const [permit] = board.rows;
  const day = 24 * 3_600_000;
  permit!.noteFree(0);
  for (const days of [1, 24, 25, 40, 49]) assert.ok(permit!.idleMs(days * day) > day / 2, `${days} days`);
  // The clocks of two threads differ.
  permit!.noteFree(40 * day);
  assert.equal(permit!.idleMs(40 * day - 3), -3);
});
