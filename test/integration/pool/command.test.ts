// Pools of programs that are not PHP: one lane a worker, ready by GET_VALUES, and all the ways in which a program can be bad.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PosternError } from '../../../src/errors.ts';
import { isGone } from '../../../src/worker/process-table.ts';
import type { Program } from '../../../src/worker/program.ts';
import { cgiRequest } from '../../support/cgi-request.ts';
import { findProgram } from '../../support/folder.ts';
import { plainProgram, shellProgram } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';

const fixture = (name: string, ...args: string[]): Program =>
  plainProgram({
    command: [process.execPath, fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url)), ...args],
  });

test('workers are added while requests wait, and each serves one at a time', async (t) => {
  const running = new RunningPool(t, () => fixture('answers-its-pid.ts', '50'), { workers: 3 });
  await running.pool.start();
  const answers = await Promise.all(Array.from({ length: 9 }, () => running.ask(cgiRequest())));
  assert.deepEqual(
    answers.map(({ error }) => error),
    Array(9).fill(null),
  );
  const pids = new Set(answers.map(({ body }) => body));
  assert.ok(pids.size <= 3);
  const { counters, lanes, spawned } = running.look();
  assert.equal(counters.finished, 9);
  assert.equal(spawned, lanes.length);
});

test('kill -9 of a busy worker: its request fails, with pid, signal and URL in one line of the log', async (t) => {
  const running = new RunningPool(t, () => fixture('answers-its-pid.ts', '5000'), { workers: 1 });
  await running.pool.start();
  const answer = running.ask(cgiRequest({ url: '/slow', idempotent: false }));
  await running.until('it runs', () => running.lanes('busy').length === 1);
  const { pid } = running.lanes('busy')[0]!;
  await sleep(50);
  process.kill(pid, 'SIGKILL');
  assert.equal((await answer).error?.code, 'CONNECTION_LOST');
  await running.until('it was told', () => running.log.matching(/while it ran/).length === 1);
  const { fields, message } = running.log.matching(/while it ran/)[0]!;
  assert.deepEqual([fields.pid, fields.signal, fields.url], [pid, 'SIGKILL', '/slow']);
  assert.match(
    message,
    new RegExp(`^process ${pid} ended \\(SIGKILL\\) while it ran GET /slow, after \\d+ ms: the request failed$`),
  );
});

test('a worker that is stopped: 504, then SIGKILL, then another', async (t) => {
  const running = new RunningPool(t, () => fixture('answers-its-pid.ts', '0'), { workers: 1, requestTimeoutMs: 3_000 });
  await running.pool.start();
  const first = Number((await running.ask(cgiRequest())).body);
  // 0 would be the test's own group.
  assert.ok(first > 0);
  process.kill(first, 'SIGSTOP');
  assert.equal((await running.ask(cgiRequest())).error?.code, 'ANSWER_TIMEOUT');
  await running.until('it is dead', () => isGone(first));
  const next = await running.ask(cgiRequest());
  assert.equal(next.error, null);
  assert.notEqual(Number(next.body), first);
});

test('a program that ends at its start: 503 with Retry-After, at once, and one line for each change of state', async (t) => {
  const running = new RunningPool(t, () => shellProgram('echo no configuration >&2; exit 3'), { workers: 2 });
  await assert.rejects(running.pool.start(), (error: unknown) => {
    assert.ok(error instanceof PosternError);
    assert.equal(error.code, 'LAUNCH_FAILED');
    assert.equal(error.message, '/bin/sh ended at its start (exit 3: no configuration): it is tried again');
    return true;
  });
  await running.until('it rests', () => /next spawn allowed/.test(running.look().governor));
  for (let count = 0; count < 20; count += 1) {
    const { error } = await running.ask(cgiRequest());
    assert.equal(error?.code, 'POOL_RESTING');
    assert.ok(Number(error?.fields.retryAfterS) >= 1);
    assert.match(
      error?.message ?? '',
      /^no worker runs, next spawn allowed in \d\.\d s: 3 crashes in \d\.\d s \(exit 3: no configuration\)$/,
    );
  }
  const told = running.log.records.filter(({ level, fields }) => level !== 'debug' && !('stream' in fields));
  assert.deepEqual(
    told.map(({ message }) => message.slice(0, 31)),
    ['pool app: /bin/sh fails: 1 cras', 'pool app answers 503: next spaw'],
  );
  assert.equal(running.look().spawned, 3);
});

test('a program that is missing, and one that is not executable, say so', async (t) => {
  const missing = new RunningPool(t, () => plainProgram({ command: ['/nowhere/app'] }));
  await assert.rejects(
    missing.pool.start(),
    /^PosternError: \/nowhere\/app does not exist: correct the path, or install it: it is tried again$/,
  );
  await missing.until('it rests', () => missing.look().governor !== 'ready');
  const { error } = await missing.ask(cgiRequest());
  assert.equal(error?.code, 'POOL_RESTING');
  const plain = new RunningPool(t, () => plainProgram({ command: ['/etc/passwd'] }));
  await assert.rejects(plain.pool.start(), /\/etc\/passwd is not executable: chmod \+x it/);
});

test('a program that speaks something else: 502, and it is stopped', async (t) => {
  const running = new RunningPool(t, () => fixture('speaks-http.ts'), { workers: 1 });
  await running.pool.start();
  const { error } = await running.ask(cgiRequest());
  assert.equal(error?.code, 'PROTOCOL_ERROR');
  await running.until('it was stopped', () => running.look().ended['protocol-error'] === 1);
});

test('a program that ignores SIGTERM is killed after the grace', async (t) => {
  const running = new RunningPool(t, () => fixture('ignores-sigterm.ts'), { workers: 1, stopTimeoutMs: 300 });
  await running.pool.start();
  const { pid } = running.lanes('idle')[0]!;
  await running.pool.close();
  assert.ok(isGone(pid));
});

test('what a program starts in its group ends with it', async (t) => {
  const running = new RunningPool(t, () => fixture('leaves-a-child.ts', process.pid.toString()), {
    workers: 1,
    stopTimeoutMs: 300,
  });
  await running.pool.start();
  const child = Number((await running.ask(cgiRequest())).body);
  assert.ok(!isGone(child));
  await running.pool.close();
  assert.ok(isGone(child));
});

test('a program has the environment of its configuration, fd 0 to 2, and nothing else of ours', async (t) => {
  process.env.POSTERN_TEST_SECRET = 'secret';
  t.after(() => delete process.env.POSTERN_TEST_SECRET);
  const given = { PATH: '/usr/bin:/bin', APP_ENV: 'prod' };
  const running = new RunningPool(t, () => ({ ...fixture('tells-what-it-has.ts'), env: given }), { workers: 1 });
  await running.pool.start();
  const told = JSON.parse((await running.ask(cgiRequest())).body);
  const { POSTERN_MARK: mark, ...env } = told.env;
  assert.match(mark, /^[0-9a-f]{32}$/);
  assert.deepEqual(env, given);
  assert.equal(told.fd0, 'socket');
});

const ruby = findProgram('ruby');
const rubyFixture = fileURLToPath(new URL('../../fixtures/peers/echo.fcgi.rb', import.meta.url));

test('a program that dies of FCGI_GET_VALUES, as those of Ruby do, is started without the question, and the pool remembers', {
  skip: ruby === null ? 'ruby is not installed' : false,
}, async (t) => {
  const program = plainProgram({ command: [ruby!, rubyFixture], reuse: 'never' });
  const running = new RunningPool(t, () => program, { workers: 3, minWorkers: 3 });
  await running.pool.start();
  await running.until('all are ready', () => running.lanes('idle').length === 3);
  const answer = await running.ask(cgiRequest({ environment: { REQUEST_METHOD: 'GET', QUERY_STRING: 'a=b' } }));
  assert.equal(answer.body, 'ruby: a=b\n');
  assert.equal(running.log.matching(/ended when it was asked FCGI_GET_VALUES/).length, 1);
  assert.equal(running.look().governor, 'ready');
  const spawnedBefore = running.look().spawned;
  await running.pool.reload(program, running.limits);
  await running.until('the old ones are gone', () => running.lanes('idle').length === 3);
  assert.equal(running.look().spawned, spawnedBefore + 3);
});
