// The pool's policy, with workers that a test moves by hand.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolLimits } from '../../src/pool/limits.ts';
import { Pool } from '../../src/pool/pool.ts';
import { verify } from '../../src/pool/verify.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeTicket } from '../support/fake-ticket.ts';
import { FakeHiring } from '../support/fake-worker.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { RecordingLog } from '../support/recording-log.ts';

const plain = plainProgram();

function open(given: Partial<PoolLimits> = {}, program = plain) {
  const clock = new FakeClock();
  const hiring = new FakeHiring(clock);
  const log = new RecordingLog();
  const limits = { ...defaultLimits, ...given };
  const pool = new Pool({ program, limits, directory: '/nowhere', clock, log, hire: hiring.hire });
  const started = pool.start();
  started.catch(() => {});
  hiring.readyAll();
  const ask = (url = '/'): FakeTicket => {
    const ticket = new FakeTicket(pool, url);
    pool.desk.acquire(ticket);
    verify(pool);
    return ticket;
  };
  const advance = (ms: number): void => {
    clock.advance(ms);
    verify(pool);
  };
  return { clock, hiring, log, limits, pool, started, ask, advance };
}

test('the lane that was free last is taken first', () => {
  const { pool, hiring, ask } = open({ workers: 3, minWorkers: 3 });
  const [first, second] = [ask(), ask()];
  const lane = second.lane;
  first.finish();
  second.finish();
  assert.equal(ask().lane, lane);
  assert.equal(hiring.workers.length, 3);
  verify(pool);
});

test('requests wait in the order in which they came, and a lane goes to the one that waited longest', () => {
  const { ask, advance } = open({ workers: 1 });
  const [running, second, third] = [ask(), ask(), ask()];
  assert.deepEqual([running.state, second.state, third.state], ['running', 'waiting', 'waiting']);
  advance(40);
  running.finish();
  assert.deepEqual([second.state, third.state], ['running', 'waiting']);
  assert.equal(second.waitedMs, 40);
});

test('a request that has waited for queueTimeout is refused, with the limits to raise', () => {
  const { ask, advance, pool } = open({ workers: 1, queueTimeoutMs: 1_000 });
  ask();
  const late = ask();
  advance(1_100);
  assert.equal(late.state, 'QUEUE_TIMEOUT');
  assert.equal(late.error?.message, 'no lane became free within 1000 ms (1 of 1 busy): raise workers or queueTimeout');
  assert.equal(pool.snapshot().counters.refused, 1);
});

test('a request above the queue is refused at once', () => {
  const { ask } = open({ workers: 1, queue: 1 });
  const tickets = [ask(), ask(), ask()];
  assert.deepEqual(
    tickets.map(({ state }) => state),
    ['running', 'waiting', 'QUEUE_FULL'],
  );
  assert.equal(tickets[2]?.error?.message, '1 requests wait already (1 of 1 busy): raise workers or queue');
});

for (const given of [{ queue: 0 }, { queueTimeoutMs: 0 }]) {
  test(`with ${JSON.stringify(given)} nobody waits, and workers are added all the same`, () => {
    const { ask, hiring } = open({ workers: 2, minWorkers: 0, ...given });
    assert.equal(ask().state, 'QUEUE_FULL');
    hiring.readyAll();
    assert.equal(ask().state, 'running');
  });
}

test('a request that waits can be taken back, wherever it stands', () => {
  const { ask, pool } = open({ workers: 1 });
  const [running, second, third] = [ask(), ask(), ask()];
  assert.equal(pool.desk.cancel(second), true);
  assert.equal(pool.desk.cancel(second), false);
  assert.equal(pool.desk.cancel(running), false);
  running.finish();
  assert.equal(third.state, 'running');
  verify(pool);
});

test('a request that is over its time is expired, its process killed and replaced', () => {
  const { ask, advance, hiring, pool, log } = open({ workers: 1, requestTimeoutMs: 1_000 });
  const hung = ask('/hung');
  advance(1_100);
  assert.equal(hung.state, 'ANSWER_TIMEOUT');
  assert.deepEqual(hiring.workers[0]?.asked[0], 'SIGKILL');
  const { pid } = hiring.workers[0]!;
  assert.equal(
    log.matching(/\/hung/)[0]?.message,
    `process ${pid} is killed with SIGKILL while it runs GET /hung, after 1000 ms (requestTimeout)`,
  );
  hiring.workers[0]!.end({ code: null, signal: 'SIGKILL' });
  verify(pool);
  hiring.readyAll();
  assert.equal(ask().state, 'running');
});

test('whoever waits gets a new worker at once, and not when the one before it has taken its time to leave', () => {
  const { ask, pool, hiring } = open({ workers: 1 });
  const [first, second] = [ask('/first'), ask('/second')];
  first.finish({ code: 'PROTOCOL_ERROR', isDone: false, isAborted: false });
  verify(pool);
  assert.equal(hiring.workers[0]!.hasExited, false);
  hiring.readyAll();
  assert.equal(second.state, 'running');
  hiring.workers[0]!.end();
  verify(pool);
  assert.equal(hiring.living.length, 1);
});

test('a worker that is killed since it never answered is told of once, however long it takes to end', () => {
  const { advance, pool, log } = open({ workers: 1, minWorkers: 0 });
  pool.desk.acquire(new FakeTicket(pool));
  advance(31_000);
  advance(1_000);
  assert.equal(log.matching(/did not answer within/).length, 1);
});

test('each request that a process takes with it is told of, once its end is known', () => {
  const { ask, hiring, log } = open({ workers: 2 }, plainProgram({ lanesPerWorker: 2 }));
  const lost = { code: 'CONNECTION_LOST', isDone: false, isAborted: false } as const;
  for (const ticket of [ask('/a'), ask('/b')]) ticket.finish(lost);
  hiring.workers[0]!.end({ code: null, signal: 'SIGKILL' });
  assert.deepEqual(
    log.matching(/while it ran/).map(({ fields }) => [fields.url, fields.signal]),
    [
      ['/a', 'SIGKILL'],
      ['/b', 'SIGKILL'],
    ],
  );
});

test('a request that is sent again goes before all who wait', () => {
  const { ask, pool, hiring } = open({ workers: 1 });
  const [first, second] = [ask('/first'), ask('/second')];
  first.retry({ code: 'CONNECTION_LOST', isDone: false, isAborted: false });
  verify(pool);
  hiring.workers[0]!.end({ code: null, signal: 'SIGKILL' });
  hiring.readyAll();
  assert.deepEqual([first.state, second.state], ['running', 'waiting']);
  assert.equal(pool.snapshot().counters.retried, 1);
});

test('a reload moves traffic and queue when the next generation is ready, and lets the old one finish', async () => {
  const { ask, pool, hiring, limits } = open({ workers: 1 });
  const [running, waiting] = [ask(), ask()];
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  assert.equal(hiring.workers.length, 2);
  assert.equal(waiting.state, 'waiting');
  hiring.readyAll();
  verify(pool);
  await reloaded;
  assert.deepEqual([running.state, waiting.state], ['running', 'running']);
  assert.deepEqual(hiring.workers[0]?.asked, []);
  running.finish();
  assert.deepEqual(hiring.workers[0]?.asked, ['SIGTERM']);
  assert.equal(pool.snapshot().generation, 2);
  verify(pool);
});

test('what a retired generation still runs goes on until its own time is over', async () => {
  const { ask, pool, hiring, limits, advance } = open({ workers: 1, stopTimeoutMs: 2_000, requestTimeoutMs: 20_000 });
  const running = ask();
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  hiring.readyAll();
  await reloaded;
  advance(19_900);
  assert.equal(running.state, 'running');
  advance(200);
  assert.equal(running.state, 'ANSWER_TIMEOUT');
  const { aborted, failed } = pool.snapshot().counters;
  assert.deepEqual([aborted, failed], [1, 1]);
});

test('a worker that never answers its probe is killed, and its reload fails', async () => {
  const { pool, hiring, limits, advance } = open();
  const reloaded = pool.reload(plain, limits);
  reloaded.catch(() => {});
  await Promise.resolve();
  advance(31_000);
  assert.deepEqual(hiring.workers[1]?.asked, ['SIGKILL']);
  hiring.workers[1]!.end({ code: null, signal: 'SIGKILL' });
  await assert.rejects(
    reloaded,
    /^PosternError: \/bin\/true ended at its start \(SIGKILL\): the new workers did not start, the old ones go on$/,
  );
  verify(pool);
});

test('shutdown overrides reload: a reload that is on its way is given up', async () => {
  const { pool, hiring, limits } = open();
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  const closed = pool.close();
  await assert.rejects(reloaded, { code: 'POOL_CLOSING' });
  for (const worker of hiring.living) worker.end();
  await closed;
  verify(pool);
  await assert.rejects(pool.reload(plain, limits), { code: 'POOL_CLOSING' });
});

test('a program that fails is tried three times, then rests, then is tried once, and all of it is told in two lines', () => {
  const { hiring, ask, advance, log } = open({ minWorkers: 0 });
  const first = ask();
  for (let count = 0; count < 3; count += 1) {
    assert.equal(hiring.living.length, 1);
    hiring.living[0]!.end({ code: 255, signal: null });
  }
  assert.equal(first.state, 'POOL_RESTING');
  assert.equal(ask().error?.fields.retryAfterS, 5);
  assert.equal(hiring.living.length, 0);
  advance(5_100);
  const again = ask();
  assert.equal(again.state, 'waiting');
  assert.equal(hiring.living.length, 1);
  hiring.living[0]!.end({ code: 255, signal: null });
  assert.equal(again.state, 'POOL_RESTING');
  assert.equal(again.error?.fields.retryAfterS, 10);
  advance(10_100);
  const last = ask();
  hiring.readyAll();
  last.finish();
  ask();
  const told = log.records.filter(({ level }) => level !== 'debug').map(({ message }) => message);
  assert.deepEqual(told.slice(0, 2), [
    'pool app: /bin/true fails: 1 crash in 0.0 s (exit 255)',
    'pool app answers 503: next spawn allowed in 5.0 s: 3 crashes in 0.0 s (exit 255)',
  ]);
  assert.deepEqual(told.slice(2), ['pool app: /bin/true works again']);
});

test('workers above minWorkers that were idle are stopped, the one that was idle longest first', () => {
  const { hiring, ask, advance, pool } = open({ workers: 3, minWorkers: 1, idleTimeoutMs: 10_000 });
  const tickets = [ask(), ask(), ask()];
  hiring.readyAll();
  for (const ticket of tickets) ticket.finish();
  advance(12_000);
  assert.deepEqual(
    hiring.workers.map(({ asked }) => asked.length),
    [1, 1, 0],
  );
  for (const worker of hiring.workers) if (worker.asked.length > 0) worker.end();
  verify(pool);
  assert.equal(pool.snapshot().counters.ended.idle, 2);
  assert.equal(pool.snapshot().governor, 'ready');
});

test('close() is repeatable, serves those who wait, and refuses those who come', async () => {
  const { ask, pool, hiring } = open({ workers: 1 });
  const [running, waiting] = [ask(), ask()];
  const closed = pool.close();
  assert.equal(ask().state, 'POOL_CLOSING');
  running.finish();
  verify(pool);
  assert.equal(waiting.state, 'running');
  waiting.finish();
  verify(pool);
  assert.deepEqual(hiring.workers[0]?.asked, ['SIGTERM']);
  hiring.workers[0]!.end();
  await Promise.all([closed, pool.close(), pool.destroy()]);
  assert.equal(pool.snapshot().counters.finished, 2);
});

test('refusals for want of lanes are told once in ten seconds, with their number and the limit to raise', () => {
  const { ask, log, advance } = open({ workers: 1, queue: 0, requestTimeoutMs: 600_000 });
  ask();
  for (let count = 0; count < 100; count += 1) ask();
  advance(10_000);
  ask();
  assert.deepEqual(
    log.matching(/refused/).map(({ message }) => message.slice(0, 55)),
    [
      'pool app refused a request: no lane is free (1 of 1 bus',
      'pool app refused 100 requests: no lane is free (1 of 1 ',
    ],
  );
});
