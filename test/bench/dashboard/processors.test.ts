// Lists of processors as Linux writes them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProcessors } from '../../../bench/dashboard/processors.ts';

test('parseProcessors() reads numbers and ranges, and nothing of what is no list', () => {
  assert.deepEqual(parseProcessors('0-2,5'), [0, 1, 2, 5]);
  assert.deepEqual(parseProcessors('3'), [3]);
  assert.deepEqual(parseProcessors('2-3,6-7'), [2, 3, 6, 7]);
  assert.deepEqual(parseProcessors(''), []);
});
