// What an operator does to a queue: drain it and resume, end one request; and what is shown of how long requests took.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operated, runningRows } from '../../src/queue/pool-snapshot.ts';
import { Queue } from '../../src/queue/queue.ts';
import { Durations, durationBoundsMs } from '../../src/queue/queue-books.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeSeats } from '../support/fake-seats.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';

const limits = { seats: 1, queue: 5, queueTimeoutMs: 5_000, requestTimeoutMs: 0, readTimeoutMs: 0 };

function room() {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const provider = new FakeSeats(1);
  const queue = new Queue({ name: 'php', provider, limits, clock, log });
  const ask = (url = '/'): RecordingSink => {
    const sink = new RecordingSink();
    queue.run(cgiRequest({ url }), sink);
    return sink;
  };
  return { clock, log, provider, queue, ask, seat: provider.seats[0]! };
}

describe('a drained queue', () => {
  it('takes no request, serves those that run and wait, and takes them again when it is resumed', () => {
    const { queue, ask, seat } = room();
    const running = ask('/1');
    const waiting = ask('/2');
    queue.drain(true);
    const refused = ask('/3');
    assert.equal(refused.error?.code, 'POOL_DRAINED');
    assert.equal(refused.error?.fields.retryAfterS, 10);
    assert.deepEqual(operated(queue).notReady, 'pool php is drained by an operator');
    assert.equal(operated(queue).isDrained, true);
    seat.answer();
    seat.answer();
    assert.deepEqual([running.body, waiting.body], ['hello', 'hello']);
    queue.drain(false);
    const again = ask('/4');
    seat.answer();
    assert.equal(again.body, 'hello');
    assert.equal(operated(queue).notReady, null);
  });

  it('closes as an open one does, and is not resumed any more', async () => {
    const { queue, ask, seat } = room();
    ask();
    queue.drain(true);
    const closed = queue.close(1_000);
    queue.drain(false);
    assert.equal(ask().error?.code, 'POOL_CLOSING');
    seat.answer();
    await closed;
    assert.equal(queue.phase, 'closed');
  });
});

describe('endRequest()', () => {
  it('ends the request with that number, and gives its seat to the next', () => {
    const { queue, ask, seat, provider, log, clock } = room();
    const first = ask('/slow');
    const second = ask('/next');
    clock.advance(1_500);
    const [row] = runningRows(queue, clock.now());
    assert.equal(queue.endRequest(row!.request), true);
    assert.equal(first.error?.code, 'REQUEST_ENDED');
    assert.equal(first.error?.message, 'an operator ended it after 1500 ms');
    assert.deepEqual(provider.given, [
      { outcome: { code: 'REQUEST_ENDED', isDone: false, isAborted: false }, next: 'failed' },
    ]);
    assert.equal(log.matching(/while it runs GET \/slow, after 1500 ms \(an operator ended it\)/).length, 1);
    assert.equal(seat.request?.url, '/next');
    assert.equal(queue.endRequest(row!.request), false, 'the next one on the seat has another number');
    seat.answer();
    assert.equal(second.body, 'hello');
    const { accepted, finished, failed } = queue.counters.snapshot();
    assert.deepEqual([accepted, finished, failed], [2, 1, 1]);
  });

  it('knows no number that was not shown', () => {
    const { queue, ask } = room();
    ask();
    for (const number of [0, 1, -1, Number.NaN]) assert.equal(queue.endRequest(number), false);
  });
});

describe('the durations of a queue', () => {
  it('count what waited and ran, each in its bucket', () => {
    const { queue, ask, seat, clock } = room();
    ask();
    ask();
    clock.advance(30);
    seat.answer();
    clock.advance(7);
    seat.answer();
    const { wait, run } = queue.durations.snapshot();
    const bucket = (ms: number): number => durationBoundsMs.findIndex((bound) => ms <= bound);
    assert.equal(run.sumMs, 37);
    assert.equal(run.counts[bucket(30)], 1);
    assert.equal(run.counts[bucket(7)], 1);
    assert.equal(wait.counts[bucket(0)], 1);
    assert.equal(wait.counts[bucket(30)], 1);
  });

  it('have a bucket for every duration, the bounds included', () => {
    for (const [index, bound] of durationBoundsMs.entries()) {
      const durations = new Durations();
      durations.note(bound, bound + 0.001);
      const { wait, run } = durations.snapshot();
      assert.equal(wait.counts[index], 1);
      assert.equal(run.counts[index + 1], 1);
    }
  });
});
