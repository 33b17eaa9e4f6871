// Three front threads and one pool of real PHP: lanes go where requests are, the longest wait is served first, and what ends comes back.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolLimits } from '../../../src/pool/pool-state.ts';
import { isGone } from '../../../src/worker/process-table.ts';
import type { Program } from '../../../src/worker/program.ts';
import { findProgram } from '../../support/folder.ts';
import { PoolThreads } from '../../support/pool-threads.ts';
import { phpEnvironment, preforkedPhp, singlePhp } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';
import { until } from '../../support/until.ts';

const phpCgi = findProgram('php-cgi');
const skip = phpCgi === null ? 'php-cgi is not installed' : false;

const kinds: readonly { readonly name: string; readonly make: (folder: string, workers: number) => Program }[] = [
  { name: 'preforked PHP', make: (folder, workers) => preforkedPhp(phpCgi!, folder, workers) },
  { name: 'one PHP a worker', make: () => singlePhp(phpCgi!) },
];

async function open(
  t: TestContext,
  make: (folder: string, workers: number) => Program,
  workers: number,
  limits: Partial<PoolLimits> = {},
) {
  const running = new RunningPool(t, (folder) => make(folder, workers), { workers, minWorkers: workers, ...limits });
  await running.pool.start();
  running.hasThreads = true;
  const threads = new PoolThreads(t, running.pool, 3);
  const script = (name: string, source: string) => {
    const path = running.script(name, source);
    return { environment: phpEnvironment(path), url: `/${name}` };
  };
  return { running, pool: running.pool, threads, script };
}

const wellAnswered = (answers: readonly { readonly code: string | null }[]): void =>
  assert.deepEqual(
    answers.map(({ code }) => code),
    answers.map(() => null),
    JSON.stringify(answers),
  );

for (const { name, make } of kinds) {
  test(`${name}: lanes that other threads hold come to the one that has the requests`, { skip }, async (t) => {
    const { running, threads, script } = await open(t, make, 6);
    const hello = script('hello.php', '<?php usleep(30000); echo "hello";');
    // Each takes two, and holds them.
    wellAnswered(await Promise.all([1, 1, 2, 2, 3, 3].map((index) => threads.ask(index, hello))));
    const holders = running.lanes('idle').map(({ thread }) => thread);
    assert.ok(new Set(holders).size > 1, `lanes are held by ${holders}`);
    const slow = script('slow.php', '<?php while (!file_exists(__DIR__ . "/go")) usleep(1000); echo getmypid();');
    const all = Promise.all(Array.from({ length: 6 }, () => threads.ask(1, slow)));
    const busyIn = (index: number): number => running.lanes('busy').filter(({ thread }) => thread === index).length;
    await running.until('all six run in thread 1', () => busyIn(1) === 6);
    running.script('go', '');
    const answers = await all;
    wellAnswered(answers);
    assert.equal(new Set(answers.map(({ body }) => body)).size, 6, 'six processes');
  });

  test(`${name}: of those that wait in three threads the one is served first that has waited longest`, {
    skip,
  }, async (t) => {
    const { running, threads, script } = await open(t, make, 1);
    const gate = script('gate.php', '<?php while (!file_exists(__DIR__ . "/go")) usleep(1000);');
    const note = script(
      'note.php',
      '<?php file_put_contents(__DIR__ . "/order", $_SERVER["REQUEST_URI"], FILE_APPEND);',
    );
    const first = threads.ask(1, gate);
    await running.until('the lane is taken', () => running.lanes('busy').length === 1);
    const order = [2, 1, 3, 3, 1, 2];
    const later: Promise<{ readonly code: string | null }>[] = [];
    for (const [at, index] of order.entries()) {
      const environment = { ...note.environment, REQUEST_URI: `${at}` };
      later.push(threads.ask(index, { ...note, environment }));
      await running.until('it waits', () => running.look().counters.waiting === at + 1);
      // More than a hand-over takes, which is not looked at closer.
      await sleep(30);
    }
    running.script('go', '');
    wellAnswered(await Promise.all([first, ...later]));
    assert.equal(readFileSync(join(running.folder, 'order'), 'utf8'), '012345');
    const { counters } = running.look();
    assert.deepEqual([counters.accepted, counters.finished, counters.maxWaiting], [7, 7, 6]);
  });

  test(`${name}: kill -9 of processes that are free or at work in other threads costs the requests that they had`, {
    skip,
  }, async (t) => {
    const { running, threads, script } = await open(t, make, 4);
    const pid = script('pid.php', '<?php usleep(20000); echo getmypid();');
    const ofEach = [1, 1, 2, 3].map((index) => threads.ask(index, pid));
    const free = (await Promise.all(ofEach)).map(({ body }) => Number(body));
    for (const one of new Set(free)) process.kill(one, 'SIGKILL');
    // A request that two of them had begun is not sent a third time.
    await running.until('they are dead', () => free.every((one) => isGone(one)));
    wellAnswered(await Promise.all([1, 2, 3].map((index) => threads.ask(index, pid))));
    const slow = script('slow.php', '<?php sleep(30);');
    const lost = threads.ask(2, { ...slow, idempotent: false });
    const busy = () => running.lanes('busy').find(({ url, pid: of }) => url === '/slow.php' && of > 0);
    await running.until('it runs', () => busy() !== undefined);
    const { pid: of, thread } = busy()!;
    assert.equal(thread, 2);
    process.kill(of, 'SIGKILL');
    assert.equal((await lost).code, 'CONNECTION_LOST');
    await running.until('it is told', () => running.log.matching(/while it ran GET \/slow.php/).length === 1);
    assert.equal(running.log.matching(/while it ran GET \/slow.php/)[0]?.fields.pid, of);
    wellAnswered(await Promise.all([1, 2, 3, 1, 2, 3].map((index) => threads.ask(index, pid))));
  });

  test(`${name}: reloads under the load of three threads lose no request`, { skip }, async (t) => {
    const { running, pool, threads, script } = await open(t, make, 3);
    const agent = { ...script('agent.php', '<?php usleep(2000); echo "ok";'), idempotent: false };
    for (const index of [1, 2, 3]) threads.load(index, 3, agent);
    for (let reloads = 0; reloads < 3; reloads += 1) {
      await sleep(100);
      await pool.reload(make(running.folder, 3), running.limits);
    }
    const rests = await Promise.all([1, 2, 3].map((index) => threads.rest(index)));
    assert.deepEqual(
      rests.flatMap(({ failures }) => failures),
      [],
    );
    for (const { answers } of rests) assert.ok(answers > 0);
    await running.until('it rests', () => running.look().counters.running === 0);
    const { counters, generation } = running.look();
    assert.equal(generation, 4);
    assert.equal(
      counters.finished,
      rests.reduce((sum, { answers }) => sum + answers, 0),
    );
  });

  test(`${name}: the lanes of a thread that dies come back, and what it counted stays counted`, { skip }, async (t) => {
    const { running, threads, script } = await open(t, make, 3, { stopTimeoutMs: 500, requestTimeoutMs: 2_000 });
    const hello = script('hello.php', '<?php usleep(20000); echo "hello";');
    wellAnswered(await Promise.all([2, 2, 2].map((index) => threads.ask(index, hello))));
    const slow = script('slow.php', '<?php usleep(300000);');
    void threads.ask(2, slow);
    await running.until('it runs', () => running.lanes('busy').length === 1);
    await threads.die(2);
    assert.equal(running.look().counters.aborted, 1);
    wellAnswered(await Promise.all(Array.from({ length: 9 }, (_, at) => threads.ask(at % 2 === 0 ? 1 : 3, hello))));
    threads.open(2);
    wellAnswered(await Promise.all([1, 2, 3].map((index) => threads.ask(index, hello))));
    await running.until('all lanes are free', () => running.lanes('idle').length === 3);
    const { counters } = running.look();
    assert.deepEqual([counters.accepted, counters.finished, counters.aborted], [16, 15, 1]);
  });

  test(`${name}: a thread that is asked to leave finishes what it has, and holds nothing then`, { skip }, async (t) => {
    const { running, pool, threads, script } = await open(t, make, 2);
    const slow = script('slow.php', '<?php while (!file_exists(__DIR__ . "/go")) usleep(1000); echo "done";');
    const all = [3, 3, 3].map((index) => threads.ask(index, slow));
    // All have come: the first may wait before there is a lane for it, and what comes after that word is refused.
    const isFull = () => running.lanes('busy').length === 2 && running.look().counters.waiting === 1;
    await running.until('two run, and one waits', isFull);
    pool.closeThread(3, 20_000);
    running.script('go', '');
    for (const answer of await Promise.all(all)) assert.deepEqual([answer.code, answer.body], [null, 'done']);
    // That word comes another way than requests do, which may overtake it.
    await until(async () => (await threads.ask(3, slow)).code === 'POOL_CLOSING', 'it takes none');
    await running.until('it holds nothing', () => running.look().lanes.every(({ thread }) => thread !== 3));
    wellAnswered(await Promise.all([1, 2, 1, 2].map((index) => threads.ask(index, slow))));
  });
}
