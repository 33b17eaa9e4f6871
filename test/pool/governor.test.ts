// The governor: what a pool should do, from what is seen of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  decide,
  type GovernorView,
  type LaneFacts,
  type RecycleLimits,
  recycleReason,
} from '../../src/pool/governor.ts';

const view = (given: Partial<GovernorView>): GovernorView => ({
  limits: { workers: 8, minWorkers: 0 },
  lanesPerWorker: 1,
  lanes: 0,
  startingLanes: 0,
  workers: 0,
  waiting: 0,
  spawnBudget: 10,
  spawnAllowedAtMs: 0,
  isResting: false,
  isDoubted: false,
  ...given,
});

const starts: readonly { readonly title: string; readonly given: Partial<GovernorView>; readonly start: number }[] = [
  { title: 'nothing when nobody waits', given: {}, start: 0 },
  {
    title: 'minWorkers without traffic',
    given: { limits: { workers: 8, minWorkers: 3 }, lanes: 1, workers: 1 },
    start: 2,
  },
  { title: 'one for each who waits', given: { waiting: 3 }, start: 3 },
  {
    title: 'none for those for whom one is starting',
    given: { waiting: 3, lanes: 2, startingLanes: 2, workers: 2 },
    start: 1,
  },
  { title: 'no more than the limit of lanes', given: { waiting: 30, lanes: 6, workers: 6 }, start: 2 },
  { title: 'nothing at the limit', given: { waiting: 5, lanes: 8, workers: 8 }, start: 0 },
  { title: 'one preforking worker for many', given: { waiting: 5, lanesPerWorker: 8 }, start: 1 },
  {
    title: 'one worker even where it has more lanes than the limit',
    given: { waiting: 1, lanesPerWorker: 20 },
    start: 1,
  },
  {
    title: 'no second preforking worker above the limit',
    given: { waiting: 5, lanesPerWorker: 8, lanes: 8, workers: 1 },
    start: 0,
  },
  { title: 'what the score allows', given: { waiting: 5, spawnBudget: 2, spawnAllowedAtMs: 0 }, start: 2 },
  { title: 'one at a time after a failed start', given: { waiting: 5, isDoubted: true }, start: 1 },
  {
    title: 'nothing while that one is starting',
    given: { waiting: 5, isDoubted: true, lanes: 1, startingLanes: 1, workers: 1 },
    start: 0,
  },
  { title: 'nothing while twice as many processes are there as allowed', given: { waiting: 5, workers: 16 }, start: 0 },
];

for (const { title, given, start } of starts) {
  test(`decide() starts ${title}`, () => assert.equal(decide(view(given), 0).start, start));
}

test('decide() starts nothing before the back-off ends, and says when to ask again', () => {
  const held = { waiting: 1, lanes: 1, workers: 1, spawnBudget: 0, spawnAllowedAtMs: 700 };
  assert.deepEqual(decide(view(held), 0), { start: 0, wakeAtMs: 700, refuse: false });
});

test('decide() refuses those who wait when there is no lane and none can come soon', () => {
  const rest = { waiting: 1, spawnBudget: 0, isResting: true, isDoubted: true, spawnAllowedAtMs: 700 };
  assert.equal(decide(view(rest), 0).refuse, true);
  const longHold = { waiting: 1, spawnBudget: 0, spawnAllowedAtMs: 4_000 };
  assert.equal(decide(view(longHold), 0).refuse, true);
  assert.equal(decide(view({ ...longHold, spawnAllowedAtMs: 400 }), 0).refuse, false);
  assert.equal(decide(view({ ...longHold, lanes: 1, workers: 1 }), 0).refuse, false);
});

const fresh: LaneFacts = { requests: 0, ageMs: 0, idleMs: 0, memoryBytes: 0, isAboveMinimum: true };
const never: RecycleLimits = { maxRequests: 0, maxAgeMs: 0, maxMemoryBytes: 0, idleTimeoutMs: 0 };

test('recycleReason() names the limit that was reached; 0 is never', () => {
  const old: LaneFacts = { requests: 1e9, ageMs: 1e9, idleMs: 1e9, memoryBytes: 1e12, isAboveMinimum: true };
  assert.equal(recycleReason(old, never), null);
  assert.equal(recycleReason({ ...fresh, requests: 5 }, { ...never, maxRequests: 5 }), 'max-requests');
  assert.equal(recycleReason({ ...fresh, ageMs: 5 }, { ...never, maxAgeMs: 5 }), 'max-age');
  assert.equal(recycleReason({ ...fresh, memoryBytes: 6 }, { ...never, maxMemoryBytes: 5 }), 'max-memory');
  assert.equal(recycleReason({ ...fresh, idleMs: 5 }, { ...never, idleTimeoutMs: 5 }), 'idle');
  assert.equal(recycleReason({ ...fresh, idleMs: 5, isAboveMinimum: false }, { ...never, idleTimeoutMs: 5 }), null);
});
