// Three front threads and a pool without lanes: CGI programs, and a real PHP-FPM. Its limits hold for the pool as a whole, and the longest wait is served first.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../support/folder.ts';
import { startPhpFpm } from '../../support/php-cgi.ts';
import { phpFpm } from '../../support/php-fpm.ts';
import { PhpService } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const noFpm = phpFpm === null ? 'PHP-FPM is not installed' : false;

/** It notes that it runs in a file of its own, and goes on when there is a file "go". */
const cgi = `#!/bin/sh
cd "$(dirname "$0")/.."
echo "$QUERY_STRING" >> order
: > "running/$QUERY_STRING"
while [ ! -e go ]; do sleep 0.02; done
rm "running/$QUERY_STRING"
printf 'Content-Type: text/plain\\n\\n%s' "$QUERY_STRING"
`;
const php = `<?php
chdir(dirname(__DIR__));
$name = $_SERVER['QUERY_STRING'];
file_put_contents('order', "$name\\n", FILE_APPEND);
touch("running/$name");
while (!file_exists('go')) { usleep(5000); clearstatcache(); }
unlink("running/$name");
echo $name;
`;

interface Held {
  readonly service: PhpService;
  /** Each on a connection of its own: they come to all threads. */
  ask(name: string): Promise<{ readonly status: number; readonly text: string }>;
  /** How many programs run, by their own notes. */
  running(): number;
  order(): string[];
  readonly folder: string;
}

async function start(t: TestContext, pool: string, limits: string): Promise<Held> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'running'));
  let lines = `cgi = true\nallowRoot = true\n${limits}`;
  const isCgi = pool === 'cgi';
  if (!isCgi) {
    mkdirSync(join(folder, 'fpm'));
    const address = await startPhpFpm(t, phpFpm!, join(folder, 'fpm'), 8);
    assert.ok(address.kind === 'unix');
    lines = `connect = "unix:${address.path}"\nreuse = "always"\n${limits}`;
  }
  const files = { [isCgi ? 'held.cgi' : 'held.php']: isCgi ? cgi : php };
  const site = isCgi ? '[[site.main.route]]\nmatch = "*.cgi"\npool = "php"\n' : '';
  const more = '[service]\nthreads = 3\n';
  const service = await PhpService.start(t, {
    folder,
    files,
    site,
    more,
    pool: lines,
  });
  if (isCgi) chmodSync(join(folder, 'public/held.cgi'), 0o755);
  return {
    service,
    folder,
    ask: async (name) => {
      const response = await service.get(`${isCgi ? 'held.cgi' : 'held.php'}?${name}`, {
        headers: { connection: 'close' },
      });
      return { status: response.status, text: await response.text() };
    },
    running: () => readdirSync(join(folder, 'running')).length,
    order: () => readFileSync(join(folder, 'order'), 'latin1').trim().split('\n'),
  };
}

/** Runs the programs that are held, and lets the next ones be held again. */
async function letGo(held: Held, answers: Promise<unknown>): Promise<void> {
  writeFileSync(join(held.folder, 'go'), '');
  await answers;
  rmSync(join(held.folder, 'go'));
}

for (const pool of ['cgi', 'connect']) {
  const skip = pool === 'connect' && noFpm;

  test(`${pool}: never more than workers run, never more than queue wait, over all threads`, { skip }, async (t) => {
    const held = await start(t, pool, 'workers = 3\nqueue = 4\nqueueTimeout = "60s"\n');
    const { service } = held;
    for (let round = 1; round <= 3; round += 1) {
      const answers = Array.from({ length: 40 }, (_, at) => held.ask(`${round}-${at}`));
      const before = 43 * (round - 1);
      const isSettled = async (come: number, atLeast: number): Promise<boolean> => {
        const { accepted, finished, refused, running, waiting } = (await service.pool()).counters;
        // Who is counted as accepted is about to be counted as something else.
        const isCounted = accepted === before + come && accepted === finished + refused + running + waiting;
        return isCounted && running === 3 && held.running() === 3 && waiting >= atLeast;
      };
      await until(() => isSettled(40, 1), 'all have come, and three run');
      for (let come = 41; come <= 43; come += 1) {
        // One may have been refused while a permit changed threads. Now that none does, there is a place as long as fewer wait than may.
        const { waiting } = (await service.pool()).counters;
        answers.push(held.ask(`${round}-${come}`));
        await until(() => isSettled(come, Math.min(4, waiting + 1)), 'one more has come, and waits if it may');
      }
      const { running, waiting } = (await service.pool()).counters;
      assert.deepEqual({ running, waiting }, { running: 3, waiting: 4 });
      const busy = async () => (await service.pool()).lanes.filter(({ state }) => state === 'busy');
      // Threads tell of their lanes some time after the counters.
      await until(async () => (await busy()).length === 3, 'three lanes are told of');
      assert.ok(
        (await busy()).every(({ thread }) => thread !== null && thread >= 1 && thread <= 3),
        'each is of a front thread',
      );
      await letGo(held, Promise.all(answers));
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      assert.equal(statuses.filter((status) => status === 200).length, 7);
      assert.equal(statuses.filter((status) => status === 503).length, 36);
    }
    await until(async () => (await service.pool()).counters.running === 0, 'all have ended');
    const { counters } = await service.pool();
    assert.deepEqual([counters.accepted, counters.finished, counters.refused], [129, 21, 108]);
    assert.deepEqual([counters.maxRunning, counters.maxWaiting], [3, 4]);
  });

  test(`${pool}: of those that wait in three threads the one is served first that has waited longest`, {
    skip,
  }, async (t) => {
    const held = await start(t, pool, 'workers = 1\nqueueTimeout = "60s"\n');
    const { service } = held;
    const answers = [held.ask('0')];
    await until(() => held.running() === 1, 'the first runs');
    for (let at = 1; at < 12; at += 1) {
      answers.push(held.ask(String(at)));
      await until(async () => (await service.pool()).counters.waiting === at, 'it waits');
      // More than a hand-over takes, which is not looked at closer.
      await sleep(30);
    }
    const threads = (await service.status()).threads.filter(({ running }) => running > 0);
    assert.ok(threads.length > 1, `${threads.length} threads have requests`);
    writeFileSync(join(held.folder, 'go'), '');
    assert.ok((await Promise.all(answers)).every(({ status }) => status === 200));
    assert.deepEqual(
      held.order(),
      Array.from({ length: 12 }, (_, at) => String(at)),
    );
  });
}
