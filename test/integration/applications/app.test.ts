// TypeScript applications that the service runs as workers: from a configuration, from none, and over reloads under load.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { applicationFile } from '../../support/applications.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { type RunningPostern, startPostern } from '../../support/postern.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const entry = JSON.stringify(new URL('../../../src/app/index.ts', import.meta.url).href);

/** Says which edition it is, after a moment, and its process. */
const edition = (number: number): string => `
import { setTimeout as sleep } from 'node:timers/promises';
import { defineApp, run } from ${entry};
await run(defineApp({
  async fetch() {
    await sleep(5);
    return new Response('edition ${number} of ' + process.pid);
  },
}));
`;

/** `postern run` with an application of the configuration's folder at "/". */
async function runApp(t: TestContext, program: string, settings = ''): Promise<RunningPostern & { folder: string }> {
  const folder = temporaryFolder(t);
  const [port, adminPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'app.ts'), program);
  const file = join(folder, 'postern.toml');
  writeFileSync(
    file,
    `[admin]\nlisten = "127.0.0.1:${adminPort}"\n[site.main]\nlisten = "127.0.0.1:${port}"\n` +
      `[[site.main.route]]\nmatch = "/*"\npool = "app"\n[pool.app]\napp = "app.ts"\n${settings}`,
  );
  const addresses = { base: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${adminPort}` };
  return { ...(await startPostern(t, ['run', '--allow-root', '-c', file], addresses)), folder };
}

/** In one step: a worker may be starting, and is to find the old program or the new one. */
function replaceApp(folder: string, program: string): void {
  writeFileSync(join(folder, 'app.ts.new'), program);
  renameSync(join(folder, 'app.ts.new'), join(folder, 'app.ts'));
}

/** Keeps so many requests running until it is told to stop. @returns what was answered so far, and how often */
function load(base: string, parallel: number): { answers: ReadonlyMap<string, number>; stop(): Promise<void> } {
  const answers = new Map<string, number>();
  let isOver = false;
  const one = async (): Promise<void> => {
    while (!isOver) {
      // POST: a request that may not be sent twice hides nothing.
      const answer = await fetch(base, { method: 'POST', body: 'x' }).catch((error: unknown) => String(error));
      const said =
        typeof answer === 'string' ? answer : `${answer.status} ${(await answer.text()).replace(/ of \d+$/, '')}`;
      answers.set(said, (answers.get(said) ?? 0) + 1);
    }
  };
  const all = Promise.all(Array.from({ length: parallel }, one));
  return {
    answers,
    async stop() {
      isOver = true;
      await all;
    },
  };
}

describe('an application under the service', () => {
  for (const [title, settings] of [
    ['processes', 'workers = 3\nminWorkers = 2\n'],
    ['threads', 'workers = 8\nlanes = 4\nthreads = 2\n'],
  ] as const) {
    it(`loses no request over five reloads of new editions, in ${title}`, { timeout: 120_000 }, async (t) => {
      const postern = await runApp(t, edition(0), settings);
      const running = load(postern.base, 8);
      const answered = (number: number): Promise<void> =>
        until(() => running.answers.has(`200 edition ${number}`), postern.output);
      await answered(0);
      for (let number = 1; number <= 5; number += 1) {
        replaceApp(postern.folder, edition(number));
        process.kill(postern.child.pid!, 'SIGHUP');
        await answered(number);
      }
      await running.stop();
      assert.deepEqual(
        [...running.answers.keys()].sort(),
        Array.from({ length: 6 }, (_, number) => `200 edition ${number}`),
        postern.output(),
      );
      const { counters } = await postern.pool();
      assert.deepEqual([counters.aborted, counters.refused, counters.retried], [0, 0, 0], postern.output());
      assert.equal(await postern.stop(), 0);
    });
  }

  for (const [title, program] of [
    ['does not start', 'throw new Error("not finished");\n'],
    [
      'fails after a long start',
      'setTimeout(() => {\n  throw new Error("not finished");\n}, 2_000);\nawait new Promise(() => {});\n',
    ],
  ] as const) {
    it(`stays as it was when the new edition ${title}`, { timeout: 60_000 }, async (t) => {
      const postern = await runApp(t, edition(1));
      const first = await (await fetch(postern.base)).text();
      replaceApp(postern.folder, program);
      process.kill(postern.child.pid!, 'SIGHUP');
      await until(
        () => /the service goes on as it was/.test(postern.output()),
        () => postern.output(),
      );
      assert.match(postern.output(), /not finished/);
      assert.equal(await (await fetch(postern.base)).text(), first);
    });
  }

  it('is served by `postern serve FILE`, and so is a file that only exports it', { timeout: 60_000 }, async (t) => {
    const own = await startPostern(t, [
      'serve',
      applicationFile('responder.ts'),
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
    ]);
    assert.equal(await (await fetch(`${own.base}/any/path?hello`)).text(), 'hello of GET');
    assert.equal(await own.stop(), 0);
    const exported = new URL('../../fixtures/apps/exported.ts', import.meta.url).pathname;
    const other = await startPostern(t, ['serve', exported, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']);
    assert.equal(await (await fetch(`${other.base}/there`)).text(), 'hello from /there');
    assert.equal(await other.stop(), 0);
  });
});
