import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  crossed,
  judge,
  lookedAt,
  microsPerRequest,
  requestsPerSecond,
  spreadOf,
} from '../../../bench/dashboard/crossed-phases.ts';

describe('crossed phases', () => {
  it('look at each twin once in a crossing, and each comes first as often', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map(lookedAt), [0, 1, 1, 0, 0, 1, 1, 0]);
  });

  it('are free of what one twin is slower than the other, and of what the machine does to both', () => {
    const phase = (micros: number) => ({ requests: 1_000, ms: 1_000, processorMs: micros });
    // The second twin takes twice as long, the second phase three times; looking takes a tenth.
    const crossing = [
      { open: phase(110), closed: phase(200) },
      { open: phase(660), closed: phase(300) },
    ] as const;
    assert.equal(crossed(microsPerRequest, crossing).toFixed(6), '1.100000');
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
