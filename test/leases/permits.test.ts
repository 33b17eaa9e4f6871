// Permits among threads: whatever order they touch shared memory in, no more requests run and wait than may, and none waits while one may run.

import assert from 'node:assert/strict';
import test from 'node:test';
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
