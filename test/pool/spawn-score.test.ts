// The spawn score: mod_fcgid's arithmetic, mod_fastcgi's rest, and the words for both.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SpawnScore } from '../../src/pool/spawn-score.ts';
import { defaultLimits } from '../support/pool-limits.ts';

const scoreWith = (limits = {}): SpawnScore => new SpawnScore({ ...defaultLimits, ...limits });

test('each start adds spawnScore, each second takes off timeScore, and the score never falls below 0', () => {
  const score = scoreWith();
  for (let count = 0; count < 4; count += 1) score.started(0);
  assert.equal(score.value(0), 4);
  assert.equal(score.value(2_500), 1.5);
  assert.equal(score.value(60_000), 0);
});

test('nothing is started at or above spawnScoreUpLimit, and the next start is allowed when the time has taken it off', () => {
  const score = scoreWith();
  assert.equal(score.budget(0), 10);
  for (let count = 0; count < 10; count += 1) score.started(0);
  assert.equal(score.budget(0), 0);
  assert.equal(score.describe(0), 'next spawn allowed in 0.0 s: 10 starts in 0.0 s');
  const atMs = score.allowedAtMs(0);
  assert.equal(score.budget(atMs - 1), 0);
  assert.equal(score.budget(atMs), 1);
});

test('a planned end gives back what its start added, so that recycling is never held back', () => {
  const score = scoreWith();
  for (let count = 0; count < 1_000; count += 1) {
    score.started(0);
    score.ended('planned', 'exit 0', 0);
  }
  assert.equal(score.value(0), 0);
});

test('processes that had worked are replaced at once, even after all of 64 were killed together', () => {
  const score = scoreWith();
  for (let count = 0; count < 64; count += 1) score.ended('killed', 'SIGKILL', 0);
  assert.equal(score.budget(0), 1);
});

test('an end costs terminationScore when the start failed, half of it when the process had worked', () => {
  const failed = scoreWith();
  failed.ended('failed', 'exit 1', 0);
  assert.equal(failed.value(0), 2);
  const killed = scoreWith();
  killed.ended('killed', 'SIGSEGV', 0);
  assert.equal(killed.value(0), 1);
});

test('after three failed starts the program rests, longer each time, up to a minute', () => {
  const score = scoreWith();
  let nowMs = 0;
  const rests: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    score.started(nowMs);
    score.ended('failed', 'exit 255', nowMs);
    const untilMs = score.allowedAtMs(nowMs);
    rests.push(untilMs - nowMs);
    assert.equal(score.isResting(nowMs), count >= 2);
    nowMs = untilMs;
  }
  assert.deepEqual(rests, [0, 0, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
});

test('it says what holds it back', () => {
  const score = scoreWith();
  for (let count = 0; count < 3; count += 1) score.ended('failed', 'exit 255', count * 1_000);
  assert.equal(score.describe(4_600), 'next spawn allowed in 2.4 s: 3 crashes in 4.6 s (exit 255)');
  assert.equal(score.describe(8_000), 'ready');
});

test('a program that works again is forgiven all of it', () => {
  const score = scoreWith();
  for (let count = 0; count < 5; count += 1) score.ended('failed', 'exit 1', 0);
  score.worked();
  assert.equal(score.isResting(0), false);
  assert.equal(score.isDoubted, false);
});

test('with timeScore 0 a score at the limit is never taken off', () => {
  const score = scoreWith({ timeScore: 0, spawnScoreUpLimit: 2 });
  score.started(0);
  score.started(0);
  assert.equal(score.allowedAtMs(1_000_000), Number.POSITIVE_INFINITY);
});
