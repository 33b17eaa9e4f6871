// Lanes among threads: whatever order they touch shared memory in, no request waits while a lane is free, and no lane has two connections.

import assert from 'node:assert/strict';
import test from 'node:test';

import type { LaneRow } from '../../src/leases/lane-row.ts';
import { inState, laneWord, nobody, takerOf } from '../../src/leases/lane-word.ts';
import { Leases, laterBy, lingerMs } from '../../src/leases/leases.ts';
import { Scoreboard } from '../../src/leases/scoreboard.ts';
import { WaitingBoard, wholeMs } from '../../src/leases/waiting-board.ts';

import { LeaseTheatre } from '../property/lease-play.ts';
import { seedOf } from '../support/seeded-fast-check.ts';

/** Enough for each mistake that was tried to be found by a run of some thousand; `npm run fuzz` has a hundred thousand. */
const plays = 2_000;

test('threads, their deaths and reloads in any order of accesses to shared memory keep the invariants', async () => {
  const theatre = new LeaseTheatre();
  let requests = 0;
  const first = seedOf(process.env.SEED);
  for (let seed = first; seed < first + plays; seed += 1) {
    try {
      requests += (await theatre.play(seed)).requests;
    } catch (error) {
      throw new Error(`node test/property/fuzz-leases.ts --seed ${seed} --plays 1`, { cause: error });
    }
  }
  await theatre.close();
  assert.ok(requests > plays);
});

/** Lanes that are free, held as is said. */
function boardOf(holders: readonly number[]) {
  const board = new Scoreboard();
  const rows = holders.map((holder) => {
    const row = board.row(board.open(0));
    row.swap(row.word, laneWord('idle', holder, nobody, 1));
    return row;
  });
  const waiting = new WaitingBoard();
  waiting.threads = 4;
  const rung: number[] = [];
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const ring = (index: number): number => rung.push(index);
  const leasesOf = (own: number): Leases<LaneRow> => new Leases({ own, board, waiting, ring, clock });
  return { rows, waiting, rung, clock, leasesOf };
}

test('a lane that nobody holds is taken without a word, one of another thread is asked for', () => {
  const { rows, waiting, rung, clock, leasesOf } = boardOf([2, nobody]);
  const leases = leasesOf(1);
  clock.nowMs = lingerMs;
  assert.equal(
    leases.find(() => true),
    rows[1],
  );
  assert.equal(
    leases.find(() => true),
    null,
  );
  waiting.note(1, 1, 0);
  assert.equal(leases.match(), false);
  assert.deepEqual([takerOf(rows[0]!.word), rung], [1, [2]]);
  leasesOf(2).letGo(rows[0]!);
  assert.deepEqual(rung, [2, 1]);
  assert.equal(
    leases.find(() => true),
    rows[0],
  );
});

test('a lane goes to the thread whose oldest request has waited longest, and so many as wait there', () => {
  const { rows, waiting, leasesOf } = boardOf([nobody, nobody, nobody]);
  waiting.note(1, 1, 30);
  waiting.note(2, 1, 10);
  waiting.note(3, 5, 20);
  leasesOf(0).match();
  assert.deepEqual(
    rows.map(({ word }) => takerOf(word)),
    [2, 3, 3],
  );
});

test('a thread keeps a lane for its own requests, unless another has waited longer by more than a hand-over takes', () => {
  const { waiting, clock, leasesOf } = boardOf([1]);
  const leases = leasesOf(1);
  clock.nowMs = 140;
  waiting.note(2, 1, 100);
  for (const mostWaiting of [0, null]) {
    assert.equal(leases.heir(103, mostWaiting), nobody);
    assert.equal(leases.heir(126, mostWaiting), 2);
    assert.equal(leases.heir(null, mostWaiting), 2);
    assert.equal(leases.heir(90, mostWaiting), nobody);
  }
  // A connection is worth more than the wait of one.
  assert.deepEqual([leases.heir(125, 0), leases.heir(106, null)], [nobody, 2]);
});

test('a thread keeps a lane whose connection it had use of a moment ago; one without a connection goes to whoever waits', () => {
  const { rows, waiting, clock, leasesOf } = boardOf([1]);
  const leases = leasesOf(1);
  clock.nowMs = 100;
  rows[0]!.sinceMs = 100;
  waiting.note(2, 1, 100);
  assert.deepEqual([leases.heir(null, 0), leases.heir(null, null)], [nobody, 2]);
  leasesOf(2).match();
  assert.equal(takerOf(rows[0]!.word), nobody);
  clock.nowMs = 100 + lingerMs;
  leasesOf(2).match();
  assert.equal(takerOf(rows[0]!.word), 2);
});

test('a lane goes where there are fewer for what waits and runs, and not back', () => {
  const { rows, waiting, leasesOf } = boardOf([1, 1, 1, 2]);
  for (const row of rows) row.swap(row.word, inState(row.word, 'busy'));
  waiting.note(1, 1, 0);
  waiting.note(2, 4, 0);
  assert.equal(leasesOf(1).heir(0, 1), 2);
  assert.equal(leasesOf(2).heir(0, 4), nobody);
  rows[2]!.swap(rows[2]!.word, laneWord('busy', 2, nobody, 1));
  assert.equal(leasesOf(1).heir(0, 1), nobody);
  assert.equal(leasesOf(2).heir(0, 4), nobody);
});

test('a thread that is late with all that it has gets one lane after the other', () => {
  const { rows, waiting, clock, leasesOf } = boardOf([1, 1, 2, 2]);
  clock.nowMs = 100;
  for (const row of rows) row.swap(row.word, inState(row.word, 'busy'));
  waiting.note(2, 2, 0);
  const leases = leasesOf(1);
  assert.equal(leases.heir(100, 4), 2);
  assert.equal(leases.pass(rows[0]!, 2), true);
  assert.equal(leases.heir(100, 4), nobody);
});

test('a thread that has no processor gets one of the lanes that end, and another that waits is not forgotten for it', () => {
  const { rows, waiting, clock, leasesOf } = boardOf([1, 1, 1, 1, 1, 1]);
  clock.nowMs = 100;
  for (const row of rows) row.swap(row.word, inState(row.word, 'busy'));
  waiting.note(1, 2, 90);
  waiting.note(3, 10, 0);
  const leases = leasesOf(1);
  assert.equal(leases.heir(90, 2), 3);
  assert.equal(leases.pass(rows[0]!, 3), true);
  assert.equal(leases.heir(90, 2), nobody);
  waiting.note(2, 1, 50);
  assert.equal(leases.heir(90, 2), 2);
});

test('how much longer one has waited is right when the cell of its time has run over', () => {
  const day = 24 * 3_600_000;
  const before = wholeMs(24.8 * day);
  assert.equal(laterBy(before, wholeMs(24.8 * day + 5_000)), 5_000);
  assert.equal(laterBy(wholeMs(49.7 * day), wholeMs(49.71 * day)), 864_000);
});
