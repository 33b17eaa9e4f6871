import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionsFor } from '../../src/sites/capacity.ts';

describe('connectionsFor()', () => {
  it('leaves half of few descriptors, and 512 of many', () => {
    for (const [descriptors, connections] of [
      [64, 32],
      [1_024, 512],
      [20_000, 19_488],
      [1_048_576, 65_536],
      [Number.POSITIVE_INFINITY, 65_536],
    ] as const) {
      assert.equal(connectionsFor(descriptors), connections);
    }
  });
});
