// Three front threads and one pool of real PHP: lanes go where requests are, the longest wait is served first, and what ends comes back.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { PoolLimits } from '../../../src/pool/pool-limits.ts';
import type { Program } from '../../../src/worker/program.ts';
import { findProgram } from '../../support/folder.ts';
import { PoolThreads } from '../../support/pool-threads.ts';
import { phpEnvironment, preforkedPhp, singlePhp } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';

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

for (const { name, make } of kinds) {
  test(`${name}: lanes that other threads hold come to the one that has the requests`, { skip }, async (t) => {
    const { running, threads, script } = await open(t, make, 6);
    const hello = script('hello.php', '<?php usleep(30000); echo "hello";');
    // Each takes two, and holds them.
    const first = await Promise.all([1, 1, 2, 2, 3, 3].map((index) => threads.ask(index, hello)));
    assert.deepEqual(
      first,
      Array(6)
        .fill({ ...first[0], body: 'hello', code: null })
        .map((one, at) => ({ ...one, id: at + 1 })),
    );
    const holders = running.lanes('idle').map(({ thread }) => thread);
    assert.ok(new Set(holders).size > 1, `lanes are held by ${holders}`);
    const slow = script('slow.php', '<?php usleep(400000); echo getmypid();');
    const all = Promise.all(Array.from({ length: 6 }, () => threads.ask(1, slow)));
    await running.until(
      'all six run in thread 1',
      () => running.lanes('busy').filter(({ thread }) => thread === 1).length === 6,
    );
    const answers = await all;
    assert.deepEqual(
      answers.map(({ code }) => code),
      Array(6).fill(null),
    );
    assert.equal(new Set(answers.map(({ body }) => body)).size, 6, 'six processes');
  });
}
