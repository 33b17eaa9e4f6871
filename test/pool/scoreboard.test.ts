// The scoreboard: states move by their table, slots are used again, and what was written is found in a snapshot.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool } from '../../src/pool/pool.ts';
import { newPoolState } from '../../src/pool/pool-state.ts';
import { Scoreboard } from '../../src/pool/scoreboard.ts';
import { snapshotOf } from '../../src/pool/scoreboard-snapshot.ts';
import type { LaneSnapshot } from '../../src/queue/pool-snapshot.ts';
import { type LaneState, laneMoves } from '../../src/worker/state.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';

/** What a snapshot of a pool with this board shows. */
function lanesOf(board: Scoreboard): readonly LaneSnapshot[] {
  const state = newPoolState('app', board, plainProgram(), defaultLimits);
  const { queue } = new Pool({ program: plainProgram(), limits: defaultLimits, directory: '/nowhere' });
  const requestOn = new Map();
  return snapshotOf(state, { queue, startedAt: 0, nowMs: 500, epochMs: 500, requestOn }).lanes;
}

test('a lane moves as the table of moves allows, and in no other way', () => {
  const paths: Record<LaneState, LaneState[]> = {
    starting: [],
    idle: ['idle'],
    busy: ['idle', 'busy'],
    draining: ['draining'],
    stopping: ['stopping'],
    gone: ['gone'],
  };
  for (const from of Object.keys(laneMoves) as LaneState[]) {
    for (const to of Object.keys(laneMoves) as LaneState[]) {
      const board = new Scoreboard();
      const slot = board.open(0);
      for (const state of paths[from]) board.move(slot, state, 0);
      if (laneMoves[from].includes(to)) board.move(slot, to, 0);
      else assert.throws(() => board.move(slot, to, 0), new RegExp(`cannot go from ${from} to ${to}`));
    }
  }
});

test('the board grows when there are more lanes than slots, and keeps what it holds', () => {
  const board = new Scoreboard();
  const slots = Array.from({ length: 100 }, () => board.open(0));
  assert.deepEqual(
    slots,
    Array.from({ length: 100 }, (_, index) => index),
  );
  board.columns.pid[3] = 42;
  board.add('spawned', 7);
  board.setReason(3, 'crash');
  for (let count = 0; count < 200; count += 1) board.open(0);
  assert.equal(board.columns.pid[3], 42);
  assert.equal(board.counter('spawned'), 7);
  assert.equal(board.reason(3), 'crash');
  assert.equal(board.count('starting'), 300);
  assert.ok(board.buffer instanceof SharedArrayBuffer);
});

test('the slot of a lane that is gone is used again, and shows why the one before it ended', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  board.setReason(slot, 'max-memory');
  board.move(slot, 'gone', 0);
  assert.equal(board.open(1), slot);
  assert.equal(lanesOf(board)[0]?.reason, 'max-memory');
});

test('a snapshot shows the current request, with control bytes escaped and cut to a bound', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  board.move(slot, 'idle', 100);
  board.move(slot, 'busy', 200);
  board.begin(slot, { method: 'GET', url: `/\x1b[31m\xe9${'x'.repeat(500)}`, environment: {} }, 30, 200);
  const [lane] = lanesOf(board);
  assert.equal(lane?.method, 'GET');
  assert.ok(lane?.url.startsWith('/\\x1b[31m'));
  assert.ok(lane.url.length <= 220);
  assert.deepEqual([lane.state, lane.waitedMs, lane.runMs, lane.sinceMs], ['busy', 30, 300, 300]);
});
