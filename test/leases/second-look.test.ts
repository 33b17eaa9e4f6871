// When a thread in which requests wait looks for a lane again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { mostPauseMs, SecondLook } from '../../src/leases/second-look.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('who waits looks again and again, less often the longer the oldest has waited, and at once when another is the oldest', () => {
  const clock = new FakeClock();
  const queue = { waiting: 1, waitingSinceMs: clock.now() as number | null };
  const looksMs: number[] = [];
  const startMs = clock.now();
  const look = new SecondLook(clock, { queue }, () => looksMs.push(clock.now() - startMs));
  look.wait();
  for (let ms = 0; ms < 200; ms += 1) clock.advance(1);
  assert.deepEqual(looksMs.slice(0, 5), [2, 4, 6, 8, 10]);
  const pauses = looksMs.slice(1).map((ms, index) => ms - looksMs[index]!);
  assert.equal(Math.max(...pauses), mostPauseMs);
  assert.ok(looksMs.length < 24, `${looksMs.length} looks in 200 ms`);
  const before = looksMs.length;
  queue.waitingSinceMs = clock.now();
  look.wait();
  clock.advance(2);
  assert.equal(looksMs.length, before + 1);
  queue.waiting = 0;
  queue.waitingSinceMs = null;
  for (let ms = 0; ms < 50; ms += 1) clock.advance(1);
  assert.equal(looksMs.length, before + 2);
});
