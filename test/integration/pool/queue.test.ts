// A pool as a backend: what one request sees of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { cgiRequest } from '../../support/cgi-request.ts';
import { findProgram } from '../../support/folder.ts';
import { phpEnvironment, preforkedPhp, singlePhp } from '../../support/programs.ts';
import { RecordingSink } from '../../support/recording-sink.ts';
import { RunningPool } from '../../support/running-pool.ts';

const phpCgi = findProgram('php-cgi');
const skip = phpCgi === null ? 'php-cgi is not installed' : false;

test('a client that leaves while its request waits is forgotten, and its sink not called', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 1), { workers: 1 });
  await running.pool.start();
  const script = running.script('sleep.php', '<?php usleep(200000); echo "done";');
  const first = running.run(script);
  const sink = new RecordingSink();
  const waiting = running.backend.run(cgiRequest({ environment: phpEnvironment(script) }), sink);
  assert.equal(running.look().counters.waiting, 1);
  waiting.abort();
  waiting.resume();
  assert.equal(running.look().counters.waiting, 0);
  assert.equal((await first).body, 'done');
  assert.deepEqual(sink.calls, []);
});

test('an exchange tells how long it waited', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 1), { workers: 1 });
  await running.pool.start();
  const script = running.script('sleep.php', '<?php usleep(100000); echo "done";');
  const first = running.run(script);
  const sink = new RecordingSink();
  const exchange = running.backend.run(cgiRequest({ environment: phpEnvironment(script) }), sink);
  await Promise.all([first, sink.done]);
  assert.ok((exchange.waitedMs ?? 0) >= 50);
});

test('an exchange that was refused after its wait tells how long that was', { skip }, async (t) => {
  const limits = { workers: 1, queueTimeoutMs: 100 };
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 1), limits);
  await running.pool.start();
  const script = running.script('sleep.php', '<?php usleep(500000); echo "done";');
  const first = running.run(script);
  const sink = new RecordingSink();
  const exchange = running.backend.run(cgiRequest({ environment: phpEnvironment(script) }), sink);
  await sink.done;
  assert.equal(sink.error?.code, 'QUEUE_TIMEOUT');
  assert.ok((exchange.waitedMs ?? 0) >= 100);
  await first;
});

test('a request whose variables do not fit is refused, and its lane is free again', { skip }, async (t) => {
  const running = new RunningPool(t, () => singlePhp(phpCgi!), { workers: 1 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const large = { ...phpEnvironment(script), HTTP_LARGE: 'x'.repeat(70_000) };
  for (let round = 0; round < 3; round += 1) {
    const { error } = await running.ask(cgiRequest({ environment: large }));
    assert.equal(error?.code, 'PARAMS_TOO_LARGE');
    assert.equal((await running.run(script)).error, null);
  }
  assert.equal(running.look().spawned, 1);
});

test('a sink that wants no more holds the program up, and goes on when it is resumed', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 1), { workers: 1 });
  await running.pool.start();
  const script = running.script('large.php', '<?php for ($i = 0; $i < 100; $i++) echo str_repeat("x", 100000);');
  const sink = new RecordingSink();
  sink.writeAnswers.push(...Array(3).fill(false));
  const exchange = running.backend.run(cgiRequest({ environment: phpEnvironment(script) }), sink);
  for (let stops = 0; stops < 3; stops += 1) {
    await running.until('it stopped', () => sink.writeAnswers.length <= 2 - stops);
    exchange.resume();
  }
  await sink.done;
  assert.equal(sink.error, null);
  assert.equal(sink.body.length, 10_000_000);
});

test('on a PHP whose connections are not safe to reuse, a body closes its connection, and processes are still counted', {
  skip,
}, async (t) => {
  const make = (folder: string) => preforkedPhp(phpCgi!, folder, 1, { reuse: 'bodiless' });
  const running = new RunningPool(t, make, { workers: 1, maxRequests: 3 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const { bodyOf } = await import('../../support/cgi-request.ts');
  const environment = {
    ...phpEnvironment(script),
    REQUEST_METHOD: 'POST',
    CONTENT_LENGTH: '2',
    CONTENT_TYPE: 'text/plain',
  };
  const pids: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    pids.push(
      (await running.ask(cgiRequest({ environment, body: bodyOf('hi'), method: 'POST', idempotent: false }))).body,
    );
  }
  assert.equal(new Set(pids.slice(0, 3)).size, 1);
  assert.equal(new Set(pids.slice(3)).size, 1);
  assert.notEqual(pids[0], pids[3]);
});
