// Whatever happens to a pool, in whatever order: its invariants hold after each step, and nobody is forgotten.

import assert from 'node:assert/strict';
import test from 'node:test';
import { happening, PoolHistory, poolShape } from '../property/pool-history.ts';
import fc from '../support/seeded-fast-check.ts';

test('whatever happens in whatever order, the invariants hold after each step', async () => {
  await fc.assert(
    fc.asyncProperty(poolShape, fc.array(happening, { maxLength: 80 }), fc.boolean(), async (shape, all, isAtOnce) => {
      const history = new PoolHistory(shape);
      for (const one of all) await history.take(one);
      await history.end(isAtOnce);
    }),
    { numRuns: 200 },
  );
});

test('when workers behave, everybody who waits is served, and nobody is served twice', async () => {
  await fc.assert(
    fc.asyncProperty(poolShape, fc.integer({ min: 1, max: 30 }), async (shape, count) => {
      const calm = { ...shape, queue: 100, queueTimeoutMs: 3_600_000, requestTimeoutMs: 0, timeScore: 1 };
      const history = new PoolHistory(calm);
      const { asked, clock, fakes, pool } = history;
      for (let index = 0; index < count; index += 1) await history.take({ kind: 'ask', which: index });
      for (let round = 0; round < 400 && asked.some(({ attempt }) => !attempt.isOver); round += 1) {
        fakes.readyAll();
        await history.take({ kind: 'answer', which: round });
        history.obey();
        clock.advance(50);
        history.verify();
      }
      assert.equal(pool.snapshot().counters.finished, count);
      for (const { sink } of asked) assert.deepEqual([sink.error, sink.body], [null, 'hello']);
      await history.end(false);
    }),
    { numRuns: 50 },
  );
});
