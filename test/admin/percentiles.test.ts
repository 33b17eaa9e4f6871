import assert from 'node:assert/strict';
import test from 'node:test';
import { bucketsBetween, percentile, sumOfBuckets } from '../../src/admin/percentiles.ts';

const bounds = [1, 2, 4, 8];

test('percentile() finds the bucket, and the place in it', () => {
  assert.equal(percentile(bounds, {}, 0.5), null);
  assert.equal(percentile(bounds, { 1: 10 }, 0.5), 1.5);
  assert.equal(percentile(bounds, { 1: 10 }, 1), 2);
  assert.equal(percentile(bounds, { 0: 90, 3: 10 }, 0.95), 6);
  assert.equal(percentile(bounds, { 4: 1 }, 0.5), 8, 'of what is longer than the last bound nothing more is known');
});

test('what came between two moments is their difference, and several are their sum', () => {
  assert.deepEqual(bucketsBetween({ 1: 3, 2: 1 }, { 1: 5, 2: 1, 3: 2 }), { 1: 2, 3: 2 });
  assert.deepEqual(bucketsBetween(null, { 1: 5 }), { 1: 5 });
  assert.deepEqual(sumOfBuckets([{ 1: 1 }, { 1: 2, 4: 3 }]), { 1: 3, 4: 3 });
});
