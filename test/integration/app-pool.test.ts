// An application under Postern's own pool: the same suite, with worker processes that the pool starts.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { CgiRequest, Environment } from '../../src/protocol/cgi/exchange.ts';
import { applicationSuite, type SuiteRequest } from '../support/application-suite.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';
import { RunningPool } from '../support/running-pool.ts';
import { until } from '../support/until.ts';

const root = new URL('../../', import.meta.url).pathname;

/** A pool whose workers run a file of an application as `app = "FILE"` does. */
async function poolOf(
  t: { after: (step: () => unknown) => void },
  file: string,
  lanes = 1,
  workers = 2,
): Promise<RunningPool> {
  const running = new RunningPool(
    t as TestContext,
    (folder) => ({
      name: 'app',
      command: [process.execPath, `${root}src/app/run-file.ts`, `${root}${file}`],
      cwd: folder,
      env: { PATH: process.env.PATH ?? '' },
      user: null,
      lanesPerWorker: lanes,
      preforks: false,
      probe: null,
      reuse: lanes === 1 ? 'always' : 'never',
    }),
    { workers, minWorkers: workers },
  );
  await running.pool.start();
  return running;
}

function environmentOf({ path, method = 'GET', headers = {}, body }: SuiteRequest): Environment {
  const environment: Environment = { REQUEST_METHOD: method, REQUEST_URI: path, HTTP_HOST: 'localhost' };
  for (const [name, value] of Object.entries(headers)) {
    environment[name === 'content-type' ? 'CONTENT_TYPE' : `HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  if (body) environment.CONTENT_LENGTH = String(body.length);
  return environment;
}

describe('an application under a pool', () => {
  const steps: (() => unknown)[] = [];
  let pool: Promise<RunningPool> | null = null;
  after(async () => {
    for (const step of steps.reverse()) await step();
  });

  applicationSuite('fastcgi', async (request) => {
    pool ??= poolOf({ after: (step) => void steps.push(step) }, 'test/fixtures/apps/suite.ts');
    const method = request.method ?? 'GET';
    const body = request.body ? bodyOf(request.body.toString('latin1')) : null;
    const sink = await (await pool).ask(
      cgiRequest({ environment: environmentOf(request), url: request.path, method, body }),
    );
    assert.equal(sink.error, null);
    const { status, headers } = sink.heads.at(-1)!;
    const pairs = headers.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), headers[index + 1]!] as const] : [],
    );
    return { status, headers: pairs, body: Buffer.from(sink.body, 'latin1'), stderr: sink.errors };
  });

  it('runs a file that only exports an application', async (t) => {
    const exported = await poolOf(t, 'test/fixtures/apps/exported.ts');
    const environment = environmentOf({ path: '/there' });
    const sink = await exported.ask(cgiRequest({ environment, url: '/there' }));
    assert.equal(sink.body, 'hello from /there');
  });

  it('runs elsewhere what comes to one that has an error that nobody caught, a POST, too, and charges it with nothing', async (t) => {
    const running = await poolOf(t, 'test/fixtures/apps/crashes.ts');
    const post = { path: '/', method: 'POST', body: Buffer.from('x') };
    for (let round = 0; round < 8; round += 1) {
      const late = await running.ask(cgiRequest({ environment: environmentOf({ path: '/late' }), url: '/late' }));
      assert.deepEqual([late.error, late.body], [null, 'whole from 0']);
      // At once, and so that the error comes while a request is on its way.
      for (let count = 0; count < 6; count += 1) {
        const request = cgiRequest({ environment: environmentOf(post), url: '/', method: 'POST', body: bodyOf('x') });
        const { error, body } = await running.ask({ ...request, idempotent: false });
        assert.deepEqual([error, body], [null, 'whole from 0'], `round ${round}, ${count}`);
      }
    }
    assert.ok(running.log.matching(/an error was not caught/).length > 0);
  });

  it('has what comes run by another at once, a POST, too, where an error that nobody caught came while a request of several runs still', async (t) => {
    const running = await poolOf(t, 'test/fixtures/apps/crashes-beside-a-request.ts', 4, 4);
    const get = (url: string): CgiRequest => cgiRequest({ environment: environmentOf({ path: url }), url });
    const file = join(running.folder, 'go-on');
    const beside = running.ask(get(`/until${file}`));
    const { body: last } = await running.ask(get('/crash'));
    await until(() => running.log.matching(/an error was not caught/).length > 0, 'the error came');
    const environment = environmentOf({ path: '/', method: 'POST', body: Buffer.from('x') });
    const post = cgiRequest({ environment, url: '/', method: 'POST', idempotent: false });
    const sinks = await Promise.all(Array.from({ length: 6 }, () => running.ask({ ...post, body: bodyOf('x') })));
    for (const { error, body } of sinks) {
      assert.equal(error, null);
      assert.match(body, /^whole from /);
      assert.notEqual(body, last);
    }
    writeFileSync(file, '');
    const { error, body } = await beside;
    assert.deepEqual([error, body], [null, last]);
    assert.equal(running.log.matching(/takes no connections any more: it is replaced/).length, 1);
  });

  it('may start what has its descriptor 0 and its own program, below a shell: nothing of it serves the socket, and it is left alone', async (t) => {
    const running = await poolOf(t, 'test/fixtures/apps/starts-node.ts');
    const { error, body } = await running.ask(cgiRequest({ environment: environmentOf({ path: '/' }), url: '/' }));
    assert.deepEqual([error, body], [null, 'worked, 0']);
    assert.deepEqual(running.log.matching(/is none of its workers/), []);
  });
});
