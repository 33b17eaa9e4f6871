// How the end of a process is told, for one that we are the parent of, and for one that only its own parent hears of.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import test from 'node:test';
import { endOf, formatExit, parseWaitStatus, unseenExit } from '../../src/worker/exit.ts';

test('an end is told by its status or its signal, and one that only the parent was told of by who that is', () => {
  assert.equal(formatExit(parseWaitStatus(255 << 8, constants.signals)), 'exit 255');
  assert.equal(formatExit(parseWaitStatus(9, constants.signals), 4711), 'SIGKILL');
  assert.equal(formatExit(unseenExit, 4711), 'its parent, process 4711, saw how and tells nobody');
  assert.equal(formatExit(unseenExit), 'its parent saw how and tells nobody');
});

test('an end that nobody saw is one by the kernel where that has just ended a process for its memory', () => {
  assert.equal(endOf(unseenExit, true), 'memory');
  assert.equal(endOf(unseenExit, false), 'unknown');
});
