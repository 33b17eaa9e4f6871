import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isOpenPhase,
  judge,
  microsPerRequest,
  requestsPerSecond,
  spreadOf,
} from '../../../bench/dashboard/paired-phases.ts';

describe('paired phases', () => {
  it('have an open one and a closed one in each pair, and each comes first as often', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map(isOpenPhase), [true, false, false, true, true, false, false, true]);
  });

  it('are told by what a request takes', () => {
    const phase = { requests: 2_000, ms: 500, processorMs: 300 };
    assert.deepEqual([requestsPerSecond(phase), microsPerRequest(phase)], [4_000, 150]);
  });

  it('have a median, quartiles, and bounds by the order of the values, as tables of the sign test have them', () => {
    const values = Array.from({ length: 24 }, (_, index) => index + 1);
    assert.deepEqual(spreadOf(values.toReversed()), { median: 12.5, quartiles: [6.75, 18.25], surely: [7, 18] });
    assert.deepEqual(spreadOf([1, 2, 3, 4, 5, 6]).surely, [1, 6]);
    assert.deepEqual(spreadOf([1, 2, 3, 4, 5]).surely, [-Infinity, Infinity]);
    assert.throws(() => spreadOf([]), RangeError);
  });

  it('keep a limit, break it, or are too far apart to say', () => {
    const around = (middle: number, by: number) =>
      spreadOf(Array.from({ length: 21 }, (_, i) => middle + (i - 10) * by));
    assert.equal(judge(around(1.005, 0.001), 1.02), 'kept');
    assert.equal(judge(around(1.04, 0.001), 1.02), 'broken');
    assert.equal(judge(around(1.005, 0.01), 1.02), 'unsure');
  });
});
