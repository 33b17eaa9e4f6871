// The waiting room: who gets a seat, who waits, who is refused, who runs again, and that the counters always add up.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import type { Attempt } from '../../src/queue/attempt.ts';
import { Queue } from '../../src/queue/queue.ts';
import type { QueueLimits } from '../../src/queue/queue-limits.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeSeat, FakeSeats } from '../support/fake-seats.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import fc from '../support/seeded-fast-check.ts';

const limits: QueueLimits = { seats: 2, queue: 2, queueTimeoutMs: 500, requestTimeoutMs: 0, readTimeoutMs: 1_000 };

class Room {
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly provider: FakeSeats;
  readonly queue: Queue;

  constructor(given: Partial<QueueLimits> = {}) {
    const all = { ...limits, ...given };
    this.provider = new FakeSeats(all.seats);
    this.queue = new Queue({ name: 'php', provider: this.provider, limits: all, clock: this.clock, log: this.log });
  }

  ask(given: Partial<CgiRequest> = {}): { readonly sink: RecordingSink; readonly attempt: Attempt } {
    const sink = new RecordingSink();
    return { sink, attempt: this.queue.run(cgiRequest(given), sink) };
  }

  get busy(): FakeSeats['seats'] {
    return this.provider.seats.filter((seat) => seat.user !== null);
  }

  verify(): void {
    const { accepted, waiting, running, finished, refused, aborted } = this.queue.counters.snapshot();
    assert.equal(accepted, waiting + running + finished + refused + aborted);
    assert.equal(waiting, this.queue.waiting);
    assert.equal(running, this.queue.running);
    assert.ok(waiting === 0 || this.provider.free.length === 0, 'a request waits while a seat is free');
    assert.equal(this.busy.length, running, 'each seat that is taken has a request');
  }
}

describe('Queue', () => {
  it('gives a request a free seat at once', () => {
    const room = new Room();
    const { sink } = room.ask();
    room.busy[0]!.answer();
    assert.deepEqual(sink.calls, ['head', 'write', 'end']);
    assert.equal(room.queue.counters.snapshot().finished, 1);
    assert.deepEqual(room.provider.given, [
      { outcome: { code: null, isDone: true, isAborted: false }, next: 'answered' },
    ]);
  });

  for (const call of ['head', 'write', 'flush', 'stderr', 'end'] as const) {
    it(`a fault in whoever takes an answer (${call}) ends that request, with the fault as its cause, and nothing else`, () => {
      const room = new Room();
      const { sink, attempt } = room.ask();
      const other = room.ask();
      const fault = new TypeError('a bug');
      sink[call] = () => {
        throw fault;
      };
      const seat = attempt.seat as FakeSeat;
      seat.user!.stderr(Buffer.from('a line'));
      seat.user!.flush();
      seat.answer();
      assert.equal(sink.error?.code, 'INTERNAL');
      assert.equal(sink.error?.cause, fault);
      (other.attempt.seat as FakeSeat).answer();
      assert.equal(other.sink.error, null);
      room.verify();
      assert.equal(room.queue.running, 0);
    });
  }

  it('lets requests wait in their order, and says how long they did', () => {
    const room = new Room({ seats: 1 });
    room.ask({ url: '/1' });
    const second = room.ask({ url: '/2' });
    room.ask({ url: '/3' });
    room.clock.advance(200);
    room.busy[0]!.answer();
    assert.equal(room.busy[0]!.request!.url, '/2');
    assert.equal(second.attempt.waitedMs, 200);
    assert.deepEqual(room.provider.asked[0], { waiting: 1, refused: 0 });
  });

  it('refuses with the limit to raise when too many wait', () => {
    const room = new Room({ seats: 1, queue: 1 });
    room.ask();
    room.ask();
    const { sink } = room.ask();
    assert.equal(sink.error?.code, 'QUEUE_FULL');
    assert.equal(sink.error?.message, '1 requests wait already (1 of 1 busy): raise workers or queue');
    assert.deepEqual(room.provider.asked.at(-1), { waiting: 1, refused: 1 });
  });

  it('refuses what waited too long', () => {
    const room = new Room({ seats: 1 });
    room.ask();
    const { sink, attempt } = room.ask();
    room.clock.advance(500);
    assert.equal(sink.error?.code, 'QUEUE_TIMEOUT');
    assert.equal(attempt.waitedMs, 500);
    room.verify();
  });

  it('tells refusals in one line of the log for many', () => {
    const room = new Room({ seats: 1, queue: 0 });
    for (let count = 0; count < 5; count += 1) room.ask();
    assert.equal(room.log.matching(/refused a request: no lane is free \(1 of 1 busy\)/).length, 1);
    assert.equal(room.log.matching(/refused \d+ requests/).length, 0);
    // The others are told though no more come.
    room.clock.advance(10_000);
    assert.equal(room.log.matching(/refused 3 requests/).length, 1);
    room.clock.advance(10_000);
    room.ask();
    room.ask();
    assert.equal(room.log.matching(/refused a request/).length, 2, 'after a quiet time the next is told at once');
  });

  it('runs again at once what no program began, before all who wait', () => {
    const room = new Room({ seats: 1 });
    const first = room.ask({ url: '/1', method: 'POST', idempotent: false });
    room.ask({ url: '/2' });
    const [seat] = room.busy;
    seat!.progress = 'unsent';
    seat!.fail('CONNECTION_LOST');
    assert.equal(room.busy[0]!.request!.url, '/1');
    assert.equal(first.attempt.attempts, 2);
    assert.equal(room.queue.counters.snapshot().retried, 1);
    room.verify();
  });

  it('ends a request that took longer than requestTimeout in all', () => {
    const room = new Room({ requestTimeoutMs: 300 });
    const { sink } = room.ask({ url: '/slow' });
    room.clock.advance(300);
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
    assert.match(
      room.log.records[0]!.message,
      /process 1001 is killed with SIGKILL while it runs GET \/slow, after 300 ms \(requestTimeout, 300 ms\)/,
    );
    room.verify();
  });

  it('counts the silence of a program for readTimeout, and not what it says', () => {
    const room = new Room();
    const { sink } = room.ask();
    for (let count = 0; count < 10; count += 1) {
      room.busy[0]!.user!.write(Buffer.from('.'));
      room.clock.advance(900);
    }
    assert.equal(sink.error, null);
    room.clock.advance(200);
    assert.match(sink.error!.message, /not a byte came for 1000 ms, after \d+ ms in all: raise readTimeout/);
  });

  it('counts no time in which it holds the program back', () => {
    const room = new Room({ requestTimeoutMs: 2_000 });
    const { sink, attempt } = room.ask();
    sink.writeAnswers.push(false);
    room.busy[0]!.user!.write(Buffer.from('.'));
    room.clock.advance(60_000);
    assert.deepEqual(sink.calls, ['write']);
    attempt.resume();
    room.clock.advance(900);
    assert.deepEqual(sink.calls, ['write']);
    room.clock.advance(200);
    assert.deepEqual(sink.calls, ['write', 'fail']);
  });

  it('counts no time in which the program waits for the body of a slow client', () => {
    const room = new Room();
    const { sink } = room.ask();
    room.busy[0]!.awaitsBody = true;
    room.clock.advance(60_000);
    assert.equal(sink.error, null);
  });

  for (const { title, silentMs, ...given } of [
    { title: 'five seconds', silentMs: 5_000, requestTimeoutMs: 60_000, readTimeoutMs: 30_000 },
    {
      title: 'half of requestTimeout, where that is less',
      silentMs: 2_500,
      requestTimeoutMs: 5_000,
      readTimeoutMs: 30_000,
    },
    { title: 'half of readTimeout, where that is less', silentMs: 500, requestTimeoutMs: 5_000, readTimeoutMs: 1_000 },
    { title: 'five seconds, where there is no limit', silentMs: 5_000, requestTimeoutMs: 0, readTimeoutMs: 0 },
  ]) {
    it(`has a seat look whether its request was read: not a byte for ${title}`, () => {
      const room = new Room(given);
      room.ask();
      const asked: number[] = [];
      room.busy[0]!.lookForSilence = (nowMs, afterMs) => {
        assert.equal(nowMs, room.clock.now());
        asked.push(afterMs);
        return false;
      };
      room.clock.advance(250);
      assert.deepEqual(asked, [silentMs, silentMs]);
      room.busy[0]!.answer();
      room.verify();
    });
  }

  it('does not take a request for unread before it took twice as long as the slowest that was answered', () => {
    const room = new Room({ seats: 1, requestTimeoutMs: 2_000, readTimeoutMs: 0 });
    const lookedFor = (runsMs: number, sentAnewAfterMs?: number): number => {
      const beganAtMs = room.clock.now();
      const asked: number[] = [];
      const { sink } = room.ask();
      const seat = room.busy[0]!;
      seat.lookForSilence = (nowMs, silentMs) => {
        asked.push(silentMs);
        return nowMs - beganAtMs === sentAnewAfterMs;
      };
      room.clock.advance(runsMs);
      seat.answer();
      assert.equal(sink.error, null);
      return asked.at(-1)!;
    };
    assert.equal(lookedFor(600), 1_000);
    // What was sent anew after a second was silent for 200 ms from then on.
    assert.equal(lookedFor(1_200, 1_000), 1_200);
    assert.equal(lookedFor(1_300), 1_200);
    assert.equal(lookedFor(300), 2_600);
    room.verify();
  });

  it('has limits of their own for requests that bring some', () => {
    const room = new Room();
    const { sink } = room.ask({ readTimeoutMs: 0 });
    room.clock.advance(3_600_000);
    assert.equal(sink.error, null);
  });

  it('leaves a request that runs the limits that it began with', () => {
    const room = new Room({ readTimeoutMs: 60_000 });
    const { sink } = room.ask();
    room.queue.use({ ...room.queue.limits, readTimeoutMs: 1_000, requestTimeoutMs: 1_000 });
    room.clock.advance(59_000);
    assert.deepEqual(sink.calls, []);
    room.clock.advance(1_100);
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
  });

  it('goes on when a client that is told of its end leaves with other requests', () => {
    const room = new Room({ seats: 1, queue: 5 });
    room.ask();
    const late = room.ask();
    const others = [room.ask(), room.ask()];
    late.sink.fail = () => {
      for (const { attempt } of others) attempt.abort();
    };
    room.clock.advance(2_500);
    room.verify();
    assert.equal(room.queue.waiting + room.queue.running, 0);
  });

  it('tries an idempotent request elsewhere that was not answered in time, where there is another server', () => {
    const room = new Room();
    room.provider.others = true;
    const { sink, attempt } = room.ask();
    room.clock.advance(1_000);
    assert.equal(sink.error, null);
    assert.equal(attempt.attempts, 2);
    room.verify();
  });

  it('forgets a request that waits when its client leaves', () => {
    const room = new Room({ seats: 1 });
    room.ask();
    room.ask().attempt.abort();
    assert.equal(room.queue.waiting, 0);
    room.verify();
  });

  it('keeps a seat busy whose client has left until the program is done, and cuts off one that writes on', () => {
    const room = new Room({ readTimeoutMs: 2_000 });
    const one = room.ask();
    const two = room.ask();
    one.attempt.abort();
    two.attempt.abort();
    two.attempt.abort();
    assert.equal(room.queue.running, 2);
    room.busy[0]!.discardedBytes = 65_536;
    room.clock.advance(2_000);
    assert.equal(room.queue.running, 0);
    assert.deepEqual(room.provider.given.map(({ outcome }) => outcome.code).sort(), ['ABORTED', 'ANSWER_TIMEOUT']);
    assert.equal(room.queue.counters.snapshot().aborted, 2);
    room.verify();
  });

  it('lets nobody overtake those that wait, though a seat has become free that it was not told of', () => {
    const room = new Room({ seats: 1 });
    room.ask();
    const first = room.ask();
    room.provider.free.push(new FakeSeat(2000));
    const second = room.ask();
    assert.deepEqual([first.attempt.state, second.attempt.state], ['waiting', 'waiting']);
    room.queue.serve();
    assert.deepEqual([first.attempt.state, second.attempt.state], ['running', 'waiting']);
  });

  it('asks for more seats when one is lost while some wait', () => {
    const room = new Room({ seats: 1 });
    room.ask({ method: 'POST', idempotent: false });
    room.ask();
    room.provider.giveBack = () => {};
    room.busy[0]!.fail('CONNECTION_LOST');
    assert.deepEqual(room.provider.asked, [
      { waiting: 1, refused: 0 },
      { waiting: 1, refused: 0 },
    ]);
  });

  it('forgets the crashes of a method and path that was answered since', () => {
    const room = new Room();
    for (let count = 0; count < 5; count += 1) {
      const { sink } = room.ask({ method: 'POST', idempotent: false });
      const seat = room.busy[0]!;
      if (count === 2) seat.answer();
      else {
        seat.processEnd = 'crash';
        seat.fail('CONNECTION_LOST');
      }
      assert.notEqual(sink.error?.code, 'REQUEST_CRASHES');
    }
    assert.notEqual(room.ask({ method: 'POST', idempotent: false }).sink.error?.code, 'REQUEST_CRASHES');
  });

  it('answers a method and path at once that made three processes crash in a row, for a while', () => {
    const room = new Room();
    const crash = (): RecordingSink => {
      const { sink } = room.ask({ url: '/x?crash', method: 'POST', idempotent: false });
      const seat = room.busy[0];
      if (seat !== undefined) {
        seat.processEnd = 'crash';
        seat.fail('CONNECTION_LOST');
      }
      return sink;
    };
    for (let count = 0; count < 3; count += 1) assert.equal(crash().error?.code, 'CONNECTION_LOST');
    assert.equal(crash().error?.code, 'REQUEST_CRASHES');
    const other = room.ask({ url: '/x?crash' });
    room.busy[0]!.answer();
    assert.equal(other.sink.error, null, 'another method is another kind');
    room.clock.advance(10_000);
    assert.equal(crash().error?.code, 'CONNECTION_LOST');
    assert.equal(crash().error?.code, 'REQUEST_CRASHES');
    room.verify();
  });

  it('counts three requests one after another whose processes ended unseen as well, and those that ran at the same time as one', () => {
    const room = new Room({ seats: 3 });
    const ask = (): RecordingSink => room.ask({ url: '/x', method: 'POST', idempotent: false }).sink;
    const end = (): void => {
      const seat = room.busy[0]!;
      seat.processEnd = 'unknown';
      seat.fail('CONNECTION_LOST');
    };
    for (let count = 0; count < 3; count += 1) ask();
    room.clock.advance(1);
    for (let count = 0; count < 3; count += 1) end();
    for (let count = 0; count < 2; count += 1) {
      room.clock.advance(1);
      assert.equal(ask().error, null);
      end();
    }
    room.clock.advance(1);
    assert.equal(ask().error?.code, 'REQUEST_CRASHES');
    room.verify();
  });

  it('gives the seat back of a request that is too large for its program', () => {
    const room = new Room();
    const { sink } = room.ask({ environment: { TOO_LARGE: '' } });
    assert.equal(sink.error?.code, 'PARAMS_TOO_LARGE');
    assert.equal(room.provider.free.length, 2);
    room.verify();
  });

  it('serves those that wait when it closes, and ends the rest at the deadline', async () => {
    const room = new Room({ seats: 1, readTimeoutMs: 0 });
    room.ask();
    const second = room.ask();
    let isServed = false;
    const closed = room.queue.close(300, () => {
      isServed = true;
    });
    assert.equal(room.ask().sink.error?.code, 'POOL_CLOSING');
    assert.equal(isServed, false);
    room.busy[0]!.answer();
    assert.equal(isServed, true);
    room.clock.advance(300);
    await closed;
    assert.equal(second.sink.error?.code, 'POOL_CLOSING');
    room.verify();
  });

  it('holds its invariants whatever happens, in whatever order', () => {
    const act = fc.record({
      kind: fc.constantFrom(
        'ask',
        'ask',
        'ask',
        'answer',
        'answer',
        'lose',
        'unsent',
        'crash',
        'left',
        'late',
        'abort',
        'advance',
        'refuse',
      ),
      which: fc.nat(64),
    });
    const shape = fc.record({
      seats: fc.integer({ min: 1, max: 5 }),
      queue: fc.nat(4),
      queueTimeoutMs: fc.constantFrom(0, 300),
    });
    fc.assert(
      fc.property(shape, fc.array(act, { maxLength: 60 }), fc.boolean(), (given, acts, isClosed) => {
        const room = new Room(given);
        const asked: ReturnType<Room['ask']>[] = [];
        for (const { kind, which } of acts) {
          const { busy } = room;
          const seat = busy[which % Math.max(1, busy.length)];
          if (kind === 'ask') asked.push(room.ask({ idempotent: which % 2 === 0, url: `/${which % 3}` }));
          else if (kind === 'answer') seat?.answer();
          else if (kind === 'abort') asked[which % Math.max(1, asked.length)]?.attempt.abort();
          else if (kind === 'advance') room.clock.advance(which * 10);
          else if (kind === 'late') room.clock.advance(1_000);
          else if (kind === 'refuse') room.queue.refuseWaiting(new PosternError('POOL_RESTING', 'it rests'));
          else if (seat !== undefined) {
            if (kind === 'unsent') seat.progress = 'unsent';
            else if (kind !== 'lose') seat.processEnd = kind;
            seat.fail('CONNECTION_LOST');
          }
          room.verify();
        }
        if (isClosed) {
          void room.queue.close(100);
          room.clock.advance(100);
        } else {
          room.clock.advance(200_000);
        }
        room.verify();
        assert.equal(room.queue.running + room.queue.waiting, 0, 'nothing waits or runs for ever');
        for (const { sink, attempt } of asked) {
          assert.equal(attempt.state, 'over');
          const ends = sink.calls.filter((call) => call === 'end' || call === 'fail');
          assert.ok(ends.length <= 1, 'a client is told one end');
        }
      }),
      { numRuns: 300 },
    );
  });
});
