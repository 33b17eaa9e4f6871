// The waiting room of a pool that several threads serve: who takes a place in it, and what counts as waiting for want of a seat.

import assert from 'node:assert/strict';
import test from 'node:test';
import { laneWord, nobody } from '../../src/leases/lane-word.ts';
import { WaitingBoard, WaitingRoom } from '../../src/leases/waiting-board.ts';
import { Queue } from '../../src/queue/queue.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeSeats } from '../support/fake-seats.ts';
import { RecordingSink } from '../support/recording-sink.ts';

/** Two places, no seat in this thread, which is thread 1; three requests wait in thread 2. @param kept lanes that are kept for those */
function open(kept: number) {
  const board = new WaitingBoard();
  board.threads = 3;
  board.note(2, 3, 0);
  const rows = [0, 1, 2].map((at) => ({ word: laneWord('idle', 1, at < kept ? 2 : nobody, 0) }));
  const provider = new FakeSeats(0);
  const limits = { seats: 3, queue: 2, queueTimeoutMs: 500, requestTimeoutMs: 0, readTimeoutMs: 0 };
  const queue = new Queue({ name: 'php', provider, limits, room: new WaitingRoom(board, 1, () => 0, { rows }) });
  const ask = (): RecordingSink => {
    const sink = new RecordingSink();
    queue.run(cgiRequest(), sink);
    return sink;
  };
  return { queue, provider, rows, ask };
}

test('those for which a lane is on its way from another thread take no place of those that wait for want of one', async () => {
  const { queue, ask } = open(3);
  const [first, second, third] = [ask(), ask(), ask()];
  assert.deepEqual(
    [first, second].map(({ error }) => error),
    [null, null],
  );
  assert.equal(third.error?.code, 'QUEUE_FULL');
  const { waiting, refused, maxWaiting } = queue.counters.snapshot();
  assert.deepEqual({ waiting, refused, maxWaiting }, { waiting: 2, refused: 1, maxWaiting: 2 });
  await queue.destroy();
});

test('those of another thread that wait for want of a lane take a place', async () => {
  const { queue, ask } = open(2);
  const [first, second] = [ask(), ask()];
  assert.deepEqual([first.error, second.error?.code], [null, 'QUEUE_FULL']);
  await queue.destroy();
});

test('one for which a lane is on its way waits where no place is, and is not counted as one too many', async () => {
  const { queue, provider, ask } = open(1);
  assert.equal(ask().error?.code, 'QUEUE_FULL');
  let asked = 0;
  Object.assign(provider, { isComing: () => ++asked === 1 });
  const [first, second] = [ask(), ask()];
  assert.deepEqual([first.error, second.error?.code], [null, 'QUEUE_FULL']);
  const { waiting, maxWaiting } = queue.counters.snapshot();
  assert.deepEqual({ waiting, maxWaiting }, { waiting: 1, maxWaiting: 0 });
  await queue.destroy();
});

test('lanes that are kept for a thread beyond those that wait there are on their way to nobody', async () => {
  const { queue, rows, ask } = open(0);
  for (const row of rows) row.word = laneWord('idle', 1, 0, 0);
  assert.equal(ask().error?.code, 'QUEUE_FULL');
  await queue.destroy();
});
