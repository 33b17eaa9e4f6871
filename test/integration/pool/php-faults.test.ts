// PHP workers that are killed, hang or break: only what ran in them fails, and the pool goes on.

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isGone } from '../../../src/worker/process-table.ts';
import { findProgram } from '../../support/folder.ts';
import { preforkedPhp } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';

const phpCgi = findProgram('php-cgi');
const skip = phpCgi === null ? 'php-cgi is not installed' : false;
const php = (children: number) => (folder: string) => preforkedPhp(phpCgi!, folder, children);

/** Runs until a file "go" is beside it. */
const heldScript = '<?php while (!file_exists(__DIR__ . "/go")) usleep(5000); echo getmypid();';

test('each lane names the process that answers on it', { skip }, async (t) => {
  const running = new RunningPool(t, php(3), { workers: 3 });
  await running.pool.start();
  const script = running.script('held.php', heldScript);
  const answers = Promise.all([1, 2, 3].map(() => running.run(script)));
  await running.until('three lanes are known', () => running.lanes('busy').filter(({ pid }) => pid > 0).length === 3);
  const pids = running.lanes('busy').map(({ pid }) => String(pid));
  assert.equal(new Set(pids).size, 3);
  running.script('go', '');
  assert.deepEqual((await answers).map(({ body }) => body).sort(), pids.sort());
});

test('the lane that was used last is taken first', { skip }, async (t) => {
  const running = new RunningPool(t, php(4), { workers: 4 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const pids = new Set<string>();
  for (let count = 0; count < 10; count += 1) pids.add((await running.run(script)).body);
  assert.equal(pids.size, 1);
});

test('kill -9 of a busy child: its request alone fails, with pid, signal, URL and duration in the log', {
  skip,
}, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2 });
  await running.pool.start();
  const script = running.script('held.php', heldScript);
  const answers = [running.run(script, { idempotent: false }), running.run(script, { idempotent: false })];
  await running.until('two run', () => running.lanes('busy').filter(({ pid }) => pid > 0).length === 2);
  const [victim, other] = running.lanes('busy');
  process.kill(victim!.pid, 'SIGKILL');
  running.script('go', '');
  const outcomes = await Promise.all(answers);
  assert.deepEqual(outcomes.map(({ error }) => error?.code).sort(), ['CONNECTION_LOST', undefined]);
  assert.ok(outcomes.some(({ body }) => body === String(other!.pid)));
  const [record, more] = running.log.matching(/while it ran/);
  assert.equal(more, undefined);
  assert.equal(record?.fields.pid, victim!.pid);
  assert.equal(record?.fields.url, script);
  assert.ok(Number(record?.fields.durationMs) >= 0);
  assert.ok('signal' in record!.fields);
  assert.equal((await running.run(script)).error, null);
});

for (const idempotent of [true, false]) {
  test(`a script that ends its process three times in a row is not run for a while, ${idempotent ? 'a GET' : 'a POST'}`, {
    skip,
  }, async (t) => {
    const running = new RunningPool(t, php(2), { workers: 2 });
    await running.pool.start();
    const script = running.script('crash.php', '<?php posix_kill(getmypid(), 11); sleep(1);');
    const ask = async () => (await running.run(script, { idempotent })).error?.code;
    let lost = 0;
    let code = await ask();
    for (; code === 'CONNECTION_LOST' && lost < 5; lost += 1) code = await ask();
    assert.equal(code, 'REQUEST_CRASHES');
    // A GET whose process ended unseen is run once more: where that end is seen, they are two of the three.
    assert.ok(lost === 3 || (idempotent && lost === 2), `${lost} times`);
    assert.equal((await running.run(running.script('other.php', '<?php echo "other";'))).body, 'other');
  });
}

test('kill -9 of a busy child: a request that may be repeated is, on another process', { skip }, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2 });
  await running.pool.start();
  const answer = running.run(running.script('held.php', heldScript));
  await running.until('it runs', () => running.lanes('busy').some(({ pid }) => pid > 0));
  const victim = running.lanes('busy')[0]!.pid;
  process.kill(victim, 'SIGKILL');
  running.script('go', '');
  const { error, body } = await answer;
  assert.equal(error, null);
  assert.notEqual(body, String(victim));
  assert.equal(running.look().counters.retried, 1);
  assert.match(running.log.matching(/while it ran/)[0]!.message, /: the request is run again, by another$/);
});

test('kill -9 of an idle child whose connection another holds open: a request that may not be repeated is answered by another', {
  skip,
}, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2 });
  await running.pool.start();
  const script = running.script('starts.php', '<?php exec("sleep 20 >/dev/null 2>&1 &"); echo getmypid();');
  const next = running.script('pid.php', '<?php echo getmypid();');
  for (let count = 0; count < 3; count += 1) {
    const victim = Number((await running.run(script)).body);
    process.kill(victim, 'SIGKILL');
    await running.until('it is gone', () => isGone(victim));
    const { body, error } = await running.run(next, { idempotent: false });
    assert.equal(error, null);
    assert.notEqual(body, String(victim));
  }
});

test('kill -9 of the parent: what its children run is finished, and a new worker takes over', { skip }, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2 });
  await running.pool.start();
  const answer = running.run(running.script('held.php', heldScript), { idempotent: false });
  await running.until('it runs', () => running.lanes('busy').some(({ pid }) => pid > 0));
  const parent = running.lanes('busy')[0]!.workerPid;
  process.kill(parent, 'SIGKILL');
  await running.until('another worker is ready', () =>
    running.lanes('idle').some(({ workerPid }) => workerPid !== parent),
  );
  assert.equal(running.lanes('draining').length, 1);
  const ended = running.look().lastEnds.find(({ pid }) => pid === parent)!;
  assert.deepEqual([ended.ending, ended.isCause, ended.url], ['SIGKILL', false, ''], 'its child has the request');
  const fresh = await running.run(running.script('pid.php', '<?php echo getmypid();'));
  assert.equal(fresh.error, null);
  running.script('go', '');
  assert.equal((await answer).error, null);
  await running.until('the old children are gone', () =>
    running.look().lanes.every(({ workerPid }) => workerPid !== parent),
  );
});

test('kill -9 of an idle worker and all its children: the next request is answered', { skip }, async (t) => {
  const running = new RunningPool(t, php(3), { workers: 3 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  for (let round = 0; round < 5; round += 1) {
    assert.equal((await running.run(script)).error, null);
    const { workerPid } = running.look().lanes.find(({ state }) => state === 'idle')!;
    process.kill(-workerPid, 'SIGKILL');
    // A request that meets two of them in their last moment is not sent a third time.
    await running.until('it is seen', () => !running.lanes('idle').some((lane) => lane.workerPid === workerPid));
    assert.equal((await running.run(script)).error, null);
  }
});

test('a worker that hangs before its answer: 504, then SIGKILL, then another in its place', { skip }, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2, requestTimeoutMs: 3_000 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const first = Number((await running.run(script)).body);
  // 0 would be the test's own group.
  assert.ok(first > 0);
  process.kill(first, 'SIGSTOP');
  const { error } = await running.run(script);
  assert.equal(error?.code, 'ANSWER_TIMEOUT');
  await running.until('it is killed', () => isGone(first));
  assert.equal(running.log.matching(/is killed with SIGKILL/)[0]?.fields.pid, first);
  for (let count = 0; count < 4; count += 1) assert.equal((await running.run(script)).error, null);
  await running.until('both lanes are free', () => running.lanes('idle').length === 2);
  assert.equal(running.look().ended.timeout, 1);
});

test('a worker that hangs as a whole is replaced', { skip }, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2, requestTimeoutMs: 600, stopTimeoutMs: 500 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const worker = running.lanes('idle')[0]!.workerPid;
  process.kill(-worker, 'SIGSTOP');
  const outcomes = await Promise.all([running.run(script), running.run(script)]);
  assert.deepEqual(
    outcomes.map(({ error }) => error?.code),
    ['ANSWER_TIMEOUT', 'ANSWER_TIMEOUT'],
  );
  await running.until('another is ready', () => running.lanes('idle').some(({ workerPid }) => workerPid !== worker));
  assert.equal((await running.run(script)).error, null);
  await running.until('the old one is gone', () => running.look().lanes.every(({ workerPid }) => workerPid !== worker));
});

test('a lane whose probe nobody answers is given up: its worker is replaced, and the request, which nobody began, runs there', {
  skip,
}, async (t) => {
  const program = (folder: string) => ({ ...php(2)(folder), probeTimeoutMs: 300 });
  const running = new RunningPool(t, program, { workers: 2, requestTimeoutMs: 0 });
  await running.pool.start();
  const worker = running.lanes('idle')[0]!.workerPid;
  const held = running.run(running.script('held.php', heldScript));
  await running.until('it runs', () => running.lanes('busy').some(({ pid }) => pid > 0));
  process.kill(-worker, 'SIGSTOP');
  const { error, body } = await running.run(running.script('pid.php', '<?php echo getmypid();'), { idempotent: false });
  assert.equal(error, null);
  assert.ok(running.look().lanes.some(({ pid, workerPid }) => String(pid) === body && workerPid !== worker));
  running.script('go', '');
  process.kill(-worker, 'SIGCONT');
  assert.equal((await held).error, null);
});

test('the socket file removed while running: noticed, and bound again', { skip }, async (t) => {
  const running = new RunningPool(t, php(2), { workers: 2 });
  await running.pool.start();
  const script = running.script('slow.php', '<?php usleep(100000); echo getmypid();');
  assert.equal((await running.run(script)).error, null);
  for (const name of readdirSync(running.folder, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.sock')) rmSync(join(running.folder, name));
  }
  const outcomes = await Promise.all([1, 2, 3].map(() => running.run(script, { idempotent: false })));
  assert.deepEqual(
    outcomes.map(({ error }) => error),
    [null, null, null],
  );
});

test('a client that leaves: its lane is taken again as soon as the process is done', { skip }, async (t) => {
  const running = new RunningPool(t, php(1), { workers: 1 });
  await running.pool.start();
  const quiet = running.script('quiet.php', '<?php usleep(400000); file_put_contents(__DIR__ . "/done", getmypid());');
  const { RecordingSink } = await import('../../support/recording-sink.ts');
  const { cgiRequest } = await import('../../support/cgi-request.ts');
  const { phpEnvironment } = await import('../../support/programs.ts');
  const sink = new RecordingSink();
  const exchange = running.backend.run(cgiRequest({ environment: phpEnvironment(quiet), url: '/quiet' }), sink);
  await running.until('it runs', () => running.lanes('busy').some(({ pid }) => pid > 0));
  const { pid } = running.lanes('busy')[0]!;
  exchange.abort();
  exchange.abort();
  assert.equal(running.lanes('busy').length, 1);
  const next = await running.run(running.script('pid.php', '<?php echo getmypid();'));
  assert.equal(next.body, String(pid), 'the process was not killed');
  assert.deepEqual(sink.calls, []);
  const { counters } = running.look();
  assert.deepEqual([counters.aborted, counters.finished], [1, 1]);
});

test('a script that streams for ever to a client that left is cut off, and ends', { skip }, async (t) => {
  const running = new RunningPool(t, php(1), { workers: 1 });
  await running.pool.start();
  const stream = running.script(
    'stream.php',
    '<?php while (true) { echo str_repeat("x", 5000); flush(); usleep(20000); }',
  );
  const { RecordingSink } = await import('../../support/recording-sink.ts');
  const { cgiRequest } = await import('../../support/cgi-request.ts');
  const { phpEnvironment } = await import('../../support/programs.ts');
  const sink = new RecordingSink();
  const exchange = running.backend.run(cgiRequest({ environment: phpEnvironment(stream), url: '/stream' }), sink);
  await running.until('it streams', () => sink.body.length > 0);
  exchange.abort();
  const next = await running.run(running.script('pid.php', '<?php echo getmypid();'));
  assert.equal(next.error, null);
  assert.equal(running.look().ended.abandoned, 1);
});
