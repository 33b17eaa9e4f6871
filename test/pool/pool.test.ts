// The pool's policy, with workers that a test moves by hand.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolLimits } from '../../src/pool/pool-state.ts';
import type { Attempt } from '../../src/queue/attempt.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type FakeLane, FakeWorkers } from '../support/fake-worker.ts';
import { verify } from '../support/pool-invariants.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';

const plain = plainProgram();
const killed = { code: null, signal: 'SIGKILL' } as const;
const crashed = { code: null, signal: 'SIGSEGV' } as const;

interface Asked {
  readonly sink: RecordingSink;
  readonly attempt: Attempt;
  /** The state of the request, or the code of its error. */
  readonly state: string;
  readonly lane: FakeLane;
}

function open(given: Partial<PoolLimits> = {}, program = plain, isReady = true) {
  const clock = new FakeClock();
  const fakes = new FakeWorkers(clock);
  const log = new RecordingLog();
  const limits = { ...defaultLimits, ...given };
  const pool = new Pool({ program, limits, directory: '/nowhere', clock, log, makeWorker: fakes.make });
  const check = (): void => verify(pool.state, pool.queue.counters.snapshot());
  const started = pool.start();
  started.catch(() => {});
  if (isReady) fakes.readyAll();
  const ask = (url = '/', request = {}): Asked => {
    const sink = new RecordingSink();
    const attempt = pool.queue.run(cgiRequest({ url, ...request }), sink);
    check();
    return {
      sink,
      attempt,
      get state() {
        return sink.error?.code ?? attempt.state;
      },
      get lane() {
        return attempt.seat as FakeLane;
      },
    };
  };
  const advance = (ms: number): void => {
    clock.advance(ms);
    check();
  };
  return { clock, fakes, log, limits, pool, started, ask, advance, check };
}

test('the lane that was free last is taken first', () => {
  const { fakes, ask } = open({ workers: 3, minWorkers: 3 });
  const [first, second] = [ask(), ask()];
  const { lane } = second;
  first.lane.answer();
  second.lane.answer();
  assert.equal(ask().lane, lane);
  assert.equal(fakes.workers.length, 3);
});

test('16 that are wanted at once are 16 that are started, whatever the spawn score', () => {
  const kept = open({ workers: 16, minWorkers: 16 });
  assert.equal(kept.fakes.workers.length, 16);
  const burst = open({ workers: 16, minWorkers: 0 });
  const asked = Array.from({ length: 16 }, () => burst.ask());
  burst.fakes.readyAll();
  assert.deepEqual(new Set(asked.map(({ state }) => state)), new Set(['running']));
});

test('a start that the score holds back is resumed: minWorkers are there in the end', () => {
  const { fakes, ask, advance } = open({ workers: 16, minWorkers: 16 });
  for (const worker of fakes.living.slice(0, 12)) worker.end(crashed);
  for (let second = 0; second < 60; second += 1) {
    advance(1_000);
    fakes.readyAll();
  }
  assert.equal(fakes.living.length, 16);
  assert.equal(ask().state, 'running');
});

test('a process with several lanes that was idle for idleTimeout is stopped as a whole', () => {
  const program = plainProgram({ lanesPerWorker: 4 });
  const { fakes, advance, pool, check } = open({ workers: 8, minWorkers: 0, idleTimeoutMs: 1_000 }, program, false);
  const { queue } = pool;
  queue.run(cgiRequest(), new RecordingSink());
  fakes.readyAll();
  fakes.busy[0]!.answer();
  advance(12_000);
  assert.deepEqual(fakes.workers[0]!.asked, ['SIGTERM']);
  fakes.workers[0]!.end();
  check();
  assert.deepEqual(pool.snapshot().lanes, []);
});

test('a pool on demand has no timer while it has no process, and memory for the threads that there are', () => {
  const { fakes, advance, pool, clock } = open({ workers: 8, minWorkers: 0, idleTimeoutMs: 1_000 }, plain, false);
  assert.equal(clock.running, 0);
  pool.queue.run(cgiRequest(), new RecordingSink());
  fakes.readyAll();
  fakes.busy[0]!.answer();
  advance(3_000);
  assert.deepEqual(fakes.workers[0]!.asked, ['SIGTERM']);
  fakes.workers[0]!.end();
  advance(3_000);
  assert.equal(clock.running, 0);
  const bytesOf = (frontThreads: number): number => {
    const { limits } = pool.state.generation;
    const { waiting, bells, books } = new Pool({ program: plain, limits, directory: '/nowhere', frontThreads }).shared;
    return waiting.byteLength + bells.byteLength + books.byteLength;
  };
  assert.ok(bytesOf(0) < 2_048, `${bytesOf(0)} bytes`);
  assert.equal(bytesOf(3) - bytesOf(2), bytesOf(2) - bytesOf(1));
});

test('a preforking worker that nobody asked to keep is stopped after one idleTimeout', () => {
  const program = plainProgram({ lanesPerWorker: 4, preforks: true });
  const { fakes, ask, advance } = open({ workers: 4, minWorkers: 0, idleTimeoutMs: 5_000 }, program);
  ask();
  fakes.readyAll();
  fakes.busy[0]!.answer();
  advance(6_000);
  assert.deepEqual(fakes.workers[0]!.asked, ['SIGTERM']);
});

test('of the children that were used, idleTimeout leaves minWorkers', () => {
  const program = plainProgram({ lanesPerWorker: 4, preforks: true });
  const { fakes, ask, advance } = open({ workers: 4, minWorkers: 2, idleTimeoutMs: 1_000 }, program);
  for (const asked of [ask(), ask(), ask(), ask()]) asked.lane.answer();
  advance(10_000);
  assert.deepEqual(fakes.workers[0]!.asked, ['child SIGTERM', 'child SIGTERM']);
});

test('a request that is over its time is expired, its process killed and replaced', () => {
  const { ask, advance, fakes, check, log } = open({ workers: 1, requestTimeoutMs: 1_000 });
  const hung = ask('/hung');
  advance(1_100);
  assert.equal(hung.state, 'ANSWER_TIMEOUT');
  assert.equal(fakes.workers[0]?.asked[0], 'SIGKILL');
  const { pid } = fakes.workers[0]!;
  const line = `process ${pid} is killed with SIGKILL while it runs GET /hung, after 1000 ms (requestTimeout, 1000 ms)`;
  assert.equal(log.matching(/\/hung/)[0]?.message, line);
  fakes.workers[0]!.end(killed);
  check();
  fakes.readyAll();
  assert.equal(ask().state, 'running');
});

test('with requestTimeout and readTimeout 0 a request may take as long as it wants', () => {
  const { ask, advance } = open({ requestTimeoutMs: 0, readTimeoutMs: 0 });
  const long = ask();
  advance(86_400_000);
  assert.equal(long.state, 'running');
});

test('whoever waits gets a new worker at once, and not when the one before it has taken its time to leave', () => {
  const { ask, fakes, check } = open({ workers: 1 });
  const [first, second] = [ask('/first'), ask('/second')];
  first.lane.fail('PROTOCOL_ERROR');
  check();
  assert.equal(fakes.workers[0]!.hasExited, false);
  fakes.readyAll();
  assert.equal(second.state, 'running');
  fakes.workers[0]!.end();
  check();
  assert.equal(fakes.living.length, 1);
});

test('a worker that is killed since it never answered is told of once, however long it takes to end', () => {
  const { advance, ask, log } = open({ workers: 1, minWorkers: 0, queueTimeoutMs: 60_000 });
  ask();
  advance(32_000);
  advance(1_000);
  assert.equal(log.matching(/did not answer within/).length, 1);
});

test('each request that a process takes with it is told of, with how it ended', () => {
  const { ask, fakes, log } = open({ workers: 2 }, plainProgram({ lanesPerWorker: 2 }));
  const post = { idempotent: false };
  for (const url of ['/a', '/b']) ask(url, post);
  fakes.workers[0]!.end(crashed);
  assert.deepEqual(
    log.matching(/while it ran/).map(({ fields }) => [fields.url, fields.signal]),
    [
      ['/a', 'SIGSEGV'],
      ['/b', 'SIGSEGV'],
    ],
  );
});

test('two requests that crash a program are two 502: nobody else notices, and nothing is repeated', () => {
  const { ask, fakes, pool, advance } = open({ workers: 4, minWorkers: 4 });
  for (let count = 0; count < 2; count += 1) {
    const crashing = ask('/x?crash');
    crashing.lane.worker.end(crashed);
    assert.equal(crashing.state, 'CONNECTION_LOST');
    assert.equal(ask('/other').state, 'running');
  }
  assert.equal(pool.snapshot().governor, 'ready');
  advance(100);
  fakes.readyAll();
  assert.equal(fakes.living.length, 4);
});

test('a request whose process was killed from outside runs again, before all who wait', () => {
  const { ask, pool, fakes } = open({ workers: 1 });
  const [first, second] = [ask('/first'), ask('/second')];
  fakes.workers[0]!.end(killed);
  fakes.readyAll();
  assert.deepEqual([first.state, second.state], ['running', 'waiting']);
  assert.equal(pool.snapshot().counters.retried, 1);
});

test('a program that leaves on purpose never loses a request, POST too', () => {
  const { ask, fakes } = open({ workers: 1 });
  const post = ask('/post', { method: 'POST', idempotent: false });
  for (let count = 0; count < 20; count += 1) {
    post.lane.worker.end({ code: 0, signal: null });
    fakes.readyAll();
    assert.equal(post.state, 'running');
  }
  post.lane.answer();
  assert.equal(post.sink.body, 'hello');
});

test('a child that is killed alone is replaced by its parent, and only its request fails', () => {
  const { ask, fakes, pool, advance, check } = open(
    { workers: 2 },
    plainProgram({ lanesPerWorker: 2, preforks: true }),
  );
  const [first, second] = [ask('/a', { idempotent: false }), ask('/b')];
  first.lane.die(killed);
  check();
  assert.equal(first.state, 'CONNECTION_LOST');
  advance(20);
  assert.equal(second.state, 'running');
  assert.equal(ask('/c').state, 'running');
  assert.equal(fakes.workers.length, 1);
  assert.equal(pool.snapshot().ended.crash, 1);
});

test('a process that is gone though its connection stands fails its request within half a second', () => {
  const { ask, advance } = open({ workers: 2 }, plainProgram({ lanesPerWorker: 2, preforks: true }));
  const held = ask('/held', { idempotent: false });
  held.lane.worker.ended.add(held.lane.process!.pid);
  advance(1_000);
  assert.equal(held.state, 'CONNECTION_LOST');
});

test('a child that is to end and does not is killed after its grace, and replaced', () => {
  const { ask, advance, fakes, pool } = open(
    { workers: 2, maxRequests: 1, stopTimeoutMs: 2_000 },
    plainProgram({ lanesPerWorker: 2, preforks: true }),
  );
  const [worker] = fakes.workers;
  worker!.isDeaf = true;
  ask().lane.answer();
  advance(1_900);
  assert.deepEqual(worker!.asked, ['child SIGTERM']);
  ask();
  const waiting = ask();
  advance(200);
  assert.deepEqual(worker!.asked, ['child SIGTERM', 'child SIGKILL']);
  assert.equal(waiting.state, 'running');
  assert.equal(pool.snapshot().ended['max-requests'], 1);
});

test('two children that have left are seen at once: what runs in their place is not closed with them', () => {
  const { ask, advance } = open({ workers: 2, maxRequests: 1 }, plainProgram({ lanesPerWorker: 2, preforks: true }));
  for (const { lane } of [ask(), ask()]) lane.answer();
  const waiting = [ask(), ask()];
  advance(50);
  for (const { lane } of waiting) lane.answer();
  assert.deepEqual(
    waiting.map(({ state }) => state),
    ['over', 'over'],
  );
});

test('no room for a process is no fault of the program: it is tried again within a second', () => {
  const { ask, fakes, pool, advance } = open({ workers: 2, minWorkers: 0 });
  const waiting = ask();
  for (let count = 0; count < 20; count += 1) {
    const worker = fakes.living[0];
    if (worker !== undefined) {
      worker.isShortage = true;
      worker.end({ code: null, signal: null });
    }
    advance(200);
  }
  assert.equal(waiting.state, 'waiting');
  assert.equal(pool.snapshot().governor, 'ready');
  advance(500);
  fakes.readyAll();
  assert.equal(waiting.state, 'running');
});

test('a reload moves traffic and queue when the next generation is ready, and lets the old one finish', async () => {
  const { ask, pool, fakes, limits, check } = open({ workers: 1 });
  const [running, waiting] = [ask(), ask()];
  const { lane } = running;
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  assert.equal(fakes.workers.length, 2);
  assert.equal(waiting.state, 'waiting');
  fakes.readyAll();
  check();
  await reloaded;
  assert.deepEqual([running.state, waiting.state], ['running', 'running']);
  assert.deepEqual(fakes.workers[0]?.asked, []);
  lane.answer();
  assert.deepEqual(fakes.workers[0]?.asked, ['SIGTERM']);
  assert.equal(pool.snapshot().generation, 2);
  check();
});

test('what a retired generation still runs goes on until its own time is over', async () => {
  const { ask, pool, fakes, limits, advance } = open({ workers: 1, stopTimeoutMs: 2_000, requestTimeoutMs: 20_000 });
  const running = ask();
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  fakes.readyAll();
  await reloaded;
  advance(19_900);
  assert.equal(running.state, 'running');
  advance(200);
  assert.equal(running.state, 'ANSWER_TIMEOUT');
  const { aborted, failed } = pool.snapshot().counters;
  assert.deepEqual([aborted, failed], [1, 1]);
});

test('one that takes too long in a process with several lanes leaves the others their time, also when the process retires', async () => {
  const program = plainProgram({ lanesPerWorker: 3 });
  const { ask, pool, fakes, limits, advance } = open({ workers: 3, requestTimeoutMs: 0, readTimeoutMs: 0 }, program);
  const [late, other] = [ask('/late', { requestTimeoutMs: 1_000 }), ask('/other')];
  const { lane } = other;
  const reloaded = pool.reload(program, limits);
  await Promise.resolve();
  fakes.readyAll();
  await reloaded;
  advance(1_100);
  assert.equal(late.state, 'ANSWER_TIMEOUT');
  assert.deepEqual([other.state, fakes.workers[0]!.asked], ['running', []]);
  lane.answer();
  assert.deepEqual(fakes.workers[0]!.asked, ['SIGKILL']);
});

test('a start that a reload overtakes is one that went well', async () => {
  const { pool, fakes, limits, started } = open({}, plain, false);
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  fakes.workers[1]!.becomeReady();
  await Promise.all([reloaded, started]);
});

test('a worker that never answers its probe is killed, and its reload fails', async () => {
  const { pool, fakes, limits, advance, check } = open();
  const reloaded = pool.reload(plain, limits);
  reloaded.catch(() => {});
  await Promise.resolve();
  advance(31_000);
  assert.deepEqual(fakes.workers[1]?.asked, ['SIGKILL']);
  fakes.workers[1]!.end(killed);
  await assert.rejects(
    reloaded,
    /^PosternError: \/bin\/true ended at its start \(SIGKILL\): the new workers did not start, the old ones go on$/,
  );
  check();
});

test('a reload takes over when all that it started is ready, and not before', async () => {
  const { fakes, limits, pool, ask } = open({ workers: 2, minWorkers: 2 });
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  const [first, second] = fakes.starting;
  first!.becomeReady();
  assert.equal(pool.state.generation.number, 1);
  assert.notEqual(ask().lane.worker, first);
  second!.becomeReady();
  await reloaded;
  assert.equal(pool.state.generation.number, 2);
});

test('shutdown overrides reload: a reload that is on its way is given up', async () => {
  const { pool, fakes, limits, check } = open();
  const reloaded = pool.reload(plain, limits);
  await Promise.resolve();
  const closed = pool.close();
  await assert.rejects(reloaded, { code: 'POOL_CLOSING' });
  for (const worker of fakes.living) worker.end();
  await closed;
  check();
  await assert.rejects(pool.reload(plain, limits), { code: 'POOL_CLOSING' });
});

test('a program that fails is tried three times, then rests, then is tried once, and all of it is told in two lines', () => {
  const { fakes, ask, advance, log } = open({ minWorkers: 0 });
  const first = ask();
  for (let count = 0; count < 3; count += 1) {
    assert.equal(fakes.living.length, 1);
    fakes.living[0]!.end({ code: 255, signal: null });
  }
  assert.equal(first.state, 'POOL_RESTING');
  assert.equal(ask().sink.error?.fields.retryAfterS, 5);
  assert.equal(fakes.living.length, 0);
  advance(5_100);
  const again = ask();
  assert.equal(again.state, 'waiting');
  assert.equal(fakes.living.length, 1);
  fakes.living[0]!.end({ code: 255, signal: null });
  assert.equal(again.state, 'POOL_RESTING');
  assert.equal(again.sink.error?.fields.retryAfterS, 10);
  advance(10_100);
  const last = ask();
  fakes.readyAll();
  last.lane.answer();
  ask();
  const told = log.records
    .filter(({ level, message }) => level !== 'debug' && !/refused/.test(message))
    .map(({ message }) => message);
  assert.deepEqual(told, [
    'pool app: /bin/true fails: 1 crash in 0.0 s (exit 255)',
    'pool app answers 503: next spawn allowed in 5.0 s: 3 crashes in 0.0 s (exit 255)',
    'pool app: /bin/true works again',
  ]);
});

test('workers above minWorkers that were idle are stopped, the one that was idle longest first', () => {
  const { fakes, ask, advance, pool, check } = open({ workers: 3, minWorkers: 1, idleTimeoutMs: 10_000 });
  const asked = [ask(), ask(), ask()];
  fakes.readyAll();
  for (const { lane } of asked) lane.answer();
  advance(12_000);
  assert.deepEqual(
    fakes.workers.map((worker) => worker.asked.length),
    [1, 1, 0],
  );
  for (const worker of fakes.workers) if (worker.asked.length > 0) worker.end();
  check();
  assert.equal(pool.snapshot().ended.idle, 2);
  assert.equal(pool.snapshot().governor, 'ready');
});

test('a busy process far above maxMemory is ended as soon as its request is done', () => {
  const { ask, fakes, pool, check } = open({ workers: 1, maxMemoryBytes: 100 });
  const asked = ask();
  asked.lane.answer();
  const again = ask();
  pool.state.board.row(again.lane.slot).memoryBytes = 201;
  again.lane.answer();
  check();
  assert.deepEqual(fakes.workers[0]!.asked, ['SIGTERM']);
  fakes.workers[0]!.end();
  assert.equal(pool.snapshot().ended['max-memory'], 1);
});

test('close() is repeatable, serves those who wait, and refuses those who come', async () => {
  const { ask, pool, fakes, check } = open({ workers: 1 });
  const [running, waiting] = [ask(), ask()];
  const closed = pool.close();
  assert.equal(ask().state, 'POOL_CLOSING');
  running.lane.answer();
  check();
  assert.equal(waiting.state, 'running');
  waiting.lane.answer();
  check();
  assert.deepEqual(fakes.workers[0]?.asked, ['SIGTERM']);
  fakes.workers[0]!.end();
  await Promise.all([closed, pool.close(), pool.destroy()]);
  assert.equal(pool.snapshot().counters.finished, 2);
});

test('an error that nothing foresaw is told to whoever made the pool, which ends all the same', async () => {
  const clock = new FakeClock();
  const fakes = new FakeWorkers(clock);
  const faults: unknown[] = [];
  const pool = new Pool({
    program: plain,
    limits: defaultLimits,
    directory: '/nowhere',
    clock,
    makeWorker: fakes.make,
    onFault: (error) => faults.push(error),
  });
  await Promise.all([pool.start(), fakes.readyAll()]);
  pool.state.board.move(0, 'idle', 'gone', 0);
  fakes.workers[0]!.end(crashed);
  assert.match(String(faults[0]), /cannot go from gone to/);
  await pool.destroy();
});
