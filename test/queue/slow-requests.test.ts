import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { Attempt } from '../../src/queue/attempt.ts';
import { Counters } from '../../src/queue/queue-books.ts';
import type { LookAtProcess } from '../../src/queue/slow-record.ts';
import { SlowRequests } from '../../src/queue/slow-requests.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';

const owner = { mayRetry: () => false, released() {}, cancelled() {} };
const looked = {
  state: 'S',
  waitChannel: 'do_poll',
  files: { socket: 2, pipe: 1, file: 0, other: 3 },
  cpuMs: 40,
  memoryBytes: 1,
};

function make(look: LookAtProcess = () => looked) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const counters = new Counters();
  const slow = new SlowRequests({ name: 'php', clock, log, counters, look });
  const start = (url = '/a.php'): Attempt => {
    const request = { method: 'GET', url, environment: { SCRIPT_FILENAME: '/srv/a.php' } } as unknown as CgiRequest;
    const attempt = new Attempt(owner, request, {
      head() {},
      write: () => true,
      flush() {},
      end() {},
      fail() {},
      stderr() {},
    });
    const seat = {
      pid: 4242,
      run() {},
      resume() {},
      abort() {},
      progress: 'sent',
      processEnd: null,
      discardedBytes: 0,
      awaitsBody: false,
    } as const;
    attempt.start(seat, clock.now(), { requestTimeoutMs: 0, readTimeoutMs: 0 });
    return attempt;
  };
  return { clock, log, counters, slow, start };
}

describe('SlowRequests', () => {
  it('notes a request once, when it has run for so long, with what its process is doing', () => {
    const { clock, log, counters, slow, start } = make();
    const attempt = start();
    attempt.stderr(Buffer.from('one\ntwo\n'));
    for (let tick = 0; tick < 40; tick += 1) {
      slow.see(attempt, 3_000);
      clock.advance(100);
    }
    const [record, second] = slow.snapshot();
    assert.equal(second, undefined);
    assert.equal(counters.get('slow'), 1);
    assert.deepEqual(
      [
        record?.number,
        record?.pid,
        record?.ranMs,
        record?.hasAnswered,
        record?.lastWords,
        record?.totalMs,
        record?.process,
      ],
      [1, 4242, 3_000, false, ['one', 'two'], null, looked],
    );
    assert.deepEqual(
      log.records.map(({ message }) => message),
      [
        'GET /a.php runs for 3.0 s in process 4242 (S, waits in do_poll, 2 sockets, 1 pipe, 3 others open, 40 ms of CPU): longer than slowAfter',
      ],
    );
    slow.ended(attempt.slow!, 4_000, 'ANSWER_TIMEOUT');
    assert.deepEqual([slow.snapshot()[0]?.totalMs, slow.snapshot()[0]?.error], [4_000, 'ANSWER_TIMEOUT']);
  });

  it('notes none where it is off, nor a quick one', () => {
    const { clock, slow, start } = make();
    const attempt = start();
    clock.advance(60_000);
    slow.see(attempt, 0);
    slow.see(start(), 3_000);
    assert.equal(attempt.slow, null);
    assert.deepEqual(slow.snapshot(), []);
  });

  it('keeps the last hundred, newest first, and logs ten in ten seconds', () => {
    const { clock, log, counters, slow, start } = make();
    const attempts = Array.from({ length: 150 }, (_, at) => start(`/${at}`));
    clock.advance(3_000);
    for (const attempt of attempts) slow.see(attempt, 3_000);
    const kept = slow.snapshot();
    assert.deepEqual([kept.length, kept[0]?.number, kept.at(-1)?.number, counters.get('slow')], [100, 150, 51, 150]);
    assert.equal(log.records.length, 10);
    assert.match(log.records[9]!.message, /more within ten seconds are kept, not logged$/);
  });

  it('notes one whose process is not to be seen', () => {
    const { clock, slow, start } = make(() => null);
    const attempt = start();
    clock.advance(3_000);
    slow.see(attempt, 3_000);
    assert.equal(slow.snapshot()[0]?.process, null);
  });
});
