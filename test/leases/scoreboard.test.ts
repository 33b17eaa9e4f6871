// The scoreboard: states move by their table, slots are used again, and what was written is found in a snapshot.

import assert from 'node:assert/strict';
import test from 'node:test';
import { mostFrontThreads } from '../../src/config/thread-count.ts';
import { holderOf, laneWord, nobody, tagOf, takerOf } from '../../src/leases/lane-word.ts';
import { LaneBoard, Scoreboard } from '../../src/leases/scoreboard.ts';
import { Pool } from '../../src/pool/pool.ts';
import { newPoolState } from '../../src/pool/pool-state.ts';
import { snapshotOf } from '../../src/pool/scoreboard-snapshot.ts';
import type { LaneSnapshot } from '../../src/queue/pool-snapshot.ts';
import { type LaneState, laneMoves } from '../../src/worker/state.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';

/** What a snapshot of a pool with this board shows. */
function lanesOf(board: Scoreboard): readonly LaneSnapshot[] {
  const state = newPoolState('app', board, plainProgram(), defaultLimits);
  const { queue } = new Pool({ program: plainProgram(), limits: defaultLimits, directory: '/nowhere' });
  return snapshotOf(state, { queue, startedAt: 0, nowMs: 500, epochMs: 500 }).lanes;
}

test('the word of a lane has room for the main thread and as many front threads as a configuration may have', () => {
  for (let index = 0; index <= mostFrontThreads; index += 1) {
    const word = laneWord('idle', index, mostFrontThreads - index, 0xffff);
    assert.deepEqual([holderOf(word), takerOf(word), tagOf(word)], [index, mostFrontThreads - index, 0xffff]);
  }
});

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
      for (const state of paths[from]) board.move(slot, board.state(slot), state, 0);
      if (laneMoves[from].includes(to)) assert.ok(board.move(slot, from, to, 0));
      else assert.throws(() => board.move(slot, from, to, 0), new RegExp(`cannot go from ${from} to ${to}`));
    }
  }
});

test('a lane that a thread has moved meanwhile is not moved, and keeps its holder where it is', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  board.move(slot, 'starting', 'idle', 0);
  const row = board.row(slot);
  row.swap(row.word, laneWord('busy', 3, nobody, tagOf(row.word)));
  assert.equal(board.move(slot, 'idle', 'stopping', 0), false);
  assert.ok(board.move(slot, 'busy', 'draining', 0));
  assert.deepEqual([row.state, holderOf(row.word)], ['draining', 3]);
});

test('the board grows when there are more lanes than slots, and keeps what it holds', () => {
  const board = new Scoreboard();
  const slots = Array.from({ length: 100 }, () => board.open(0));
  assert.deepEqual(
    slots,
    Array.from({ length: 100 }, (_, index) => index),
  );
  board.row(3).pid = 42;
  board.add('spawned', 7);
  board.row(3).reason = 'crash';
  for (let count = 0; count < 200; count += 1) board.open(0);
  assert.equal(board.row(3).pid, 42);
  assert.equal(board.counter('spawned'), 7);
  assert.equal(board.row(3).reason, 'crash');
  assert.equal(board.count('starting'), 300);
  assert.ok(board.blocks.every((block) => block instanceof SharedArrayBuffer));
});

test('a thread that is given the blocks sees what the pool writes, and the pool what it writes', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  const other = new LaneBoard();
  for (const block of board.blocks) other.addBlock(block);
  board.row(slot).pid = 7;
  const row = other.rows[slot]!;
  assert.deepEqual([row.pid, row.state], [7, 'starting']);
  const about = { script: '/srv/\u00e9', contentLength: 7, user: 'me' };
  row.begin(1, 2);
  row.tell({ method: 'POST', url: `/${'\xff'.repeat(400)}` }, about, 5);
  assert.deepEqual([board.row(slot).method, board.row(slot).url], ['POST', `/${'\xff'.repeat(239)}`]);
  assert.deepEqual([board.row(slot).about, board.row(slot).request], [about, 5]);
});

test('the slot of a lane that is gone is used again by another lane, and shows why the one before it ended', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  const { word } = board.row(slot);
  board.row(slot).reason = 'max-memory';
  board.move(slot, 'starting', 'gone', 0);
  assert.equal(board.open(1), slot);
  assert.notEqual(tagOf(board.row(slot).word), tagOf(word));
  assert.equal(lanesOf(board)[0]?.reason, 'max-memory');
});

test('a snapshot shows the current request, with control bytes escaped and cut to a bound, and the thread that runs it', () => {
  const board = new Scoreboard();
  const slot = board.open(0);
  board.move(slot, 'starting', 'idle', 100);
  const row = board.row(slot);
  row.swap(row.word, laneWord('busy', 2, nobody, tagOf(row.word)));
  row.begin(30, 200);
  const about = { script: '', contentLength: 0, user: '' };
  row.tell({ method: 'GET', url: `/\x1b[31m\xe9${'x'.repeat(500)}` }, about, 1);
  const [lane] = lanesOf(board);
  assert.equal(lane?.method, 'GET');
  assert.ok(lane?.url.startsWith('/\\x1b[31m'));
  assert.ok(lane.url.length <= 220);
  assert.deepEqual([lane.state, lane.thread, lane.waitedMs, lane.runMs, lane.sinceMs], ['busy', 2, 30, 300, 300]);
});
