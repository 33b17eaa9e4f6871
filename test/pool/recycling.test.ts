// Why a process is recycled, from what is known of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { recycleReason } from '../../src/pool/recycling.ts';

const fresh = { requests: 0, ageMs: 0, idleMs: 0, memoryBytes: 0, isAboveMinimum: true };
const never = { maxRequests: 0, maxAgeMs: 0, maxMemoryBytes: 0, idleTimeoutMs: 0 };

test('recycleReason() names the limit that was reached; 0 is never', () => {
  const old = { requests: 1e9, ageMs: 1e9, idleMs: 1e9, memoryBytes: 1e12, isAboveMinimum: true };
  assert.equal(recycleReason(old, never), null);
  assert.equal(recycleReason({ ...fresh, requests: 5 }, { ...never, maxRequests: 5 }), 'max-requests');
  assert.equal(recycleReason({ ...fresh, ageMs: 5 }, { ...never, maxAgeMs: 5 }), 'max-age');
  assert.equal(recycleReason({ ...fresh, memoryBytes: 6 }, { ...never, maxMemoryBytes: 5 }), 'max-memory');
  assert.equal(recycleReason({ ...fresh, idleMs: 5 }, { ...never, idleTimeoutMs: 5 }), 'idle');
  assert.equal(recycleReason({ ...fresh, idleMs: 5, isAboveMinimum: false }, { ...never, idleTimeoutMs: 5 }), null);
});
