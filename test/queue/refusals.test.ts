// What a request is told that got no seat.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fullError, tooLateError } from '../../src/queue/refusals.ts';
import { defaultLimits } from '../support/pool-limits.ts';

const words = { seat: 'lane', limit: 'workers' };
const limits = { ...defaultLimits, seats: 4, queue: 10, queueTimeoutMs: 5_000 };

describe('a refusal', () => {
  it('names the limit on seats where all are in use', () => {
    assert.equal(
      tooLateError({ words, starting: 0 }, limits, 5_000.4, 4).message,
      'no lane became free within 5000 ms (4 of 4 busy): raise workers or queueTimeout',
    );
    assert.equal(
      fullError({ words }, limits, 10, 4).message,
      '10 requests wait already (4 of 4 busy): raise workers or queue',
    );
  });

  it('says that processes start, and how to have them there before, where not all are in use', () => {
    assert.equal(
      tooLateError({ words, starting: 3 }, limits, 5_000, 1).message,
      'no lane became free within 5000 ms (1 of 4 busy, 3 starting): raise minWorkers or queueTimeout',
    );
    assert.equal(
      fullError({ words, starting: 4 }, { ...limits, queue: 0 }, 0, 0).message,
      'no lane is free (0 of 4 busy, 4 starting) and none may wait: raise minWorkers, or queue and queueTimeout',
    );
  });
});
