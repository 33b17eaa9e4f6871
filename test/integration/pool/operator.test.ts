// What an operator does to the processes of a pool, and what is told of their ends: with real php-cgi and real programs.

import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ProcessEndSnapshot } from '../../../src/queue/pool-snapshot.ts';
import { isGone } from '../../../src/worker/process-table.ts';
import { cgiRequest } from '../../support/cgi-request.ts';
import { findProgram } from '../../support/folder.ts';
import { plainProgram, preforkedPhp } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';

const phpCgi = findProgram('php-cgi');
const skip = phpCgi === null ? 'php-cgi is not installed' : false;
const php = (folder: string) => preforkedPhp(phpCgi!, folder, 2);
const answersItsPid = fileURLToPath(new URL('../../fixtures/answers-its-pid.ts', import.meta.url));
const slowProgram = (): ReturnType<typeof plainProgram> =>
  plainProgram({ command: [process.execPath, answersItsPid, '60000'] });

/** Runs until a file "go" is beside it. */
const heldScript = '<?php while (!file_exists(__DIR__ . "/go")) usleep(5000); echo getmypid();';

/** The parts of an end that do not differ from run to run. */
const told = ({ reason, ending, isCause, pid }: ProcessEndSnapshot) => ({ reason, ending, isCause, pid });

test('an idle child is recycled at once, one at work when its request is done', { skip }, async (t) => {
  const running = new RunningPool(t, php, { workers: 2 });
  await running.pool.start();
  const pidScript = running.script('pid.php', '<?php echo getmypid();');
  const idle = Number((await running.run(pidScript)).body);
  assert.equal(running.pool.recycle(idle), true);
  await running.until('the idle child is gone', () => isGone(idle));
  const answer = running.run(running.script('held.php', heldScript));
  await running.until('it runs', () => running.lanes('busy').some(({ pid }) => pid > 0));
  const { pid: busy } = running.lanes('busy')[0]!;
  assert.equal(running.pool.recycle(busy), true);
  running.script('go', '');
  assert.equal((await answer).body, String(busy), 'its request is finished');
  await running.until('it is gone', () => isGone(busy));
  await running.until('both are told', () => running.look().lastEnds.length === 2);
  const { lastEnds, ended } = running.look();
  assert.deepEqual(lastEnds.map(told), [
    { reason: 'operator', ending: '', isCause: false, pid: busy },
    { reason: 'operator', ending: '', isCause: false, pid: idle },
  ]);
  assert.equal(ended.operator, 2);
  assert.notEqual((await running.run(pidScript)).body, String(busy));
});

test('a whole worker is recycled by the id of its parent', { skip }, async (t) => {
  const running = new RunningPool(t, php, { workers: 2 });
  await running.pool.start();
  const parent = running.look().lanes[0]!.workerPid;
  assert.equal(running.pool.recycle(parent), true);
  await running.until('the parent is gone', () => isGone(parent));
  await running.until('another is ready', () => running.lanes('idle').some(({ workerPid }) => workerPid !== parent));
  await running.until('the parent is forgotten', () => !running.pool.recycle(parent));
  assert.equal(running.pool.recycle(0), false);
});

test('a request that an operator ends takes its process with it, and no other', { skip }, async (t) => {
  const running = new RunningPool(t, php, { workers: 2 });
  await running.pool.start();
  const script = running.script('held.php', heldScript);
  const answers = [running.run(script, { url: '/one' }), running.run(script, { url: '/two' })];
  await running.until('both run', () => running.lanes('busy').filter(({ pid }) => pid > 0).length === 2);
  const { pid, request } = running.lanes('busy').find(({ url }) => url === '/one')!;
  assert.equal(running.pool.queue.endRequest(request), true);
  assert.equal((await answers[0]!).error?.code, 'REQUEST_ENDED');
  await running.until('its process is gone', () => isGone(pid));
  running.script('go', '');
  assert.equal((await answers[1]!).error, null);
  await running.until('its end is told', () => running.look().lastEnds.length === 1);
  const [end] = running.look().lastEnds;
  assert.deepEqual([end!.reason, end!.pid, end!.url, end!.isCause], ['operator', pid, '/one', true]);
});

test('a process that dies under a request is told with its end and the URL', async (t) => {
  const running = new RunningPool(t, slowProgram, { workers: 1 });
  await running.pool.start();
  const before = Date.now();
  const answer = running.ask(cgiRequest({ url: '/crash?secret=1', idempotent: false }));
  await running.until('it runs', () => running.lanes('busy').length === 1);
  const { pid } = running.lanes('busy')[0]!;
  process.kill(pid, 'SIGKILL');
  await answer;
  await running.until('its end is told', () => running.look().lastEnds.length === 1);
  const [end] = running.look().lastEnds;
  assert.deepEqual(told(end!), { reason: 'crash', ending: 'SIGKILL', isCause: true, pid });
  assert.equal(end!.url, '/crash?secret=1');
  assert.ok(Math.abs(end!.at - before) < 120_000, 'its time is of today');
});

test('a process whose time is over is told as one, and a shutdown tells nothing', async (t) => {
  const running = new RunningPool(t, slowProgram, { workers: 1, requestTimeoutMs: 200 });
  await running.pool.start();
  await running.ask(cgiRequest({ url: '/hangs', idempotent: false }));
  await running.until('its end is told', () => running.look().lastEnds.length === 1);
  const [end] = running.look().lastEnds;
  assert.deepEqual([end!.reason, end!.ending, end!.url, end!.isCause], ['timeout', 'SIGKILL', '/hangs', true]);
  await running.pool.close();
  assert.equal(running.look().lastEnds.length, 1);
});
