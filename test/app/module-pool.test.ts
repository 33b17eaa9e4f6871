// An embedded application as a pool, where it is unlike the others: what its handler and modules see, and when its place is free again.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import {
  type AppDefinition,
  type Context,
  defaultModuleLimits,
  defineApp,
  type ModuleLimits,
} from '../../src/app/index.ts';
import { Instance } from '../../src/app/instance.ts';
import { ModulePool } from '../../src/app/module-pool.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';

async function start(definition: AppDefinition, given: Partial<ModuleLimits> = {}) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const outcomes: unknown[] = [];
  const watch = { name: 'watch', requestShutdown: ({ outcome }: Context) => void outcomes.push(outcome) };
  const app = defineApp({ modules: [watch], ...definition });
  const limits = { ...defaultModuleLimits, maxRequests: 1, ...given };
  const own = { ...limits, requestTimeoutMs: 0 };
  const instance = await Instance.start(app, { mode: 'module', limits: own, log, clock });
  const pool = new ModulePool(instance, limits, log, clock);
  const ask = (request = cgiRequest()): RecordingSink => {
    const sink = new RecordingSink();
    pool.run(request, sink);
    return sink;
  };
  return { clock, log, pool, ask, outcomes };
}

/** A handler that never answers, and ends when it is told to. */
const waits = (request: Request): Promise<Response> =>
  new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)));

const deaf = (): Promise<Response> => new Promise(() => {});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ModulePool', () => {
  it('calls nothing of the sink before run() has returned, and answers in the same turn', async () => {
    const { pool } = await start({ fetch: () => new Response('hello') });
    const sink = new RecordingSink();
    pool.run(cgiRequest(), sink);
    assert.deepEqual(sink.calls, []);
    assert.equal((await sink.done).body, 'hello');
    await pool.close();
  });

  for (const [what, status, headers] of [
    ['a line end in a value', 200, ['X-A', 'a\r\nSet-Cookie: b=c']],
    ['a letter that becomes one', 200, ['X-A', 'a\u010ab']],
    ['a name that is none', 200, ['X A', 'a']],
    ['a name without a value', 200, ['X-A']],
    ['a length that is none', 200, ['Content-Length', 'many']],
    ['the status 101', 101, []],
    ['the status 0', 0, []],
  ] as const) {
    it(`refuses a head with ${what}, and tells the handler`, async () => {
      const { pool, ask } = await start({ respond: (call) => call.head(status, headers) });
      const { heads } = await ask().done;
      assert.deepEqual(
        heads.map((head) => head.status),
        [500],
      );
      await pool.close();
    });
  }

  it('takes a request that works out its environment when it is asked, as those of a gateway do', async () => {
    class Asked {
      readonly known = cgiRequest({ url: '/a?b' });
      readonly role = 'responder';
      readonly body = null;
      readonly data = null;
      readonly method = 'GET';
      readonly url = '/a?b';
      get environment() {
        return { ...this.known.environment, REQUEST_URI: '/a?b' };
      }
      get idempotent() {
        return true;
      }
    }
    const { pool, ask } = await start({ fetch: (request) => new Response(new URL(request.url).search) });
    assert.equal((await ask(new Asked()).done).body, '?b');
    await pool.close();
  });

  it('at readTimeout the client gets 504, the handler is told, and the log says which limit', async () => {
    const { clock, log, pool, ask, outcomes } = await start({ fetch: waits }, { readTimeoutMs: 1_000 });
    const sink = ask(cgiRequest({ url: '/slow' }));
    await turn();
    clock.advance(1_200);
    assert.equal((await sink.done).error?.code, 'ANSWER_TIMEOUT');
    await turn();
    assert.deepEqual(outcomes, ['timeout']);
    assert.deepEqual(
      log.records.map(({ message }) => message),
      ['the handler is told to stop while it runs GET /slow, after 1000 ms (readTimeout, 1000 ms)'],
    );
    await pool.close();
  });

  it('a handler that takes no notice keeps its place for graceMs; who waits has it then', async () => {
    let calls = 0;
    const fetch = (): Promise<Response> | Response => (++calls === 1 ? deaf() : new Response('second'));
    const { clock, pool, ask } = await start({ fetch }, { requestTimeoutMs: 1_000, graceMs: 2_000 });
    const first = ask();
    await turn();
    const second = ask();
    clock.advance(1_100);
    assert.equal((await first.done).error?.code, 'ANSWER_TIMEOUT');
    assert.equal(pool.running, 1);
    assert.equal(calls, 1);
    clock.advance(3_000);
    assert.equal((await second.done).body, 'second');
    await pool.close();
  });

  it('while a client is slow to send its body, the silence is not the handler’s', async () => {
    const body = new PassThrough();
    const upload = { length: null, bytes: null, replayable: false, stream: () => body };
    const fetch = async (request: Request): Promise<Response> => new Response(await request.text());
    const { clock, pool, ask } = await start({ fetch }, { readTimeoutMs: 1_000 });
    const sink = ask(cgiRequest({ method: 'POST', idempotent: false, body: upload }));
    await turn();
    clock.advance(5_000);
    body.end('late');
    assert.equal((await sink.done).body, 'late');
    await pool.close();
  });

  it('refuses a role that it does not play, and its place is free at once', async () => {
    const { pool, ask } = await start({ fetch: () => new Response('hello') });
    assert.equal((await ask(cgiRequest({ role: 'authorizer' })).done).error?.code, 'UNKNOWN_ROLE');
    assert.equal(pool.running, 0);
    assert.equal((await ask().done).body, 'hello');
    await pool.close();
  });

  it('whoever takes an answer and throws loses that answer only', async () => {
    const { pool, ask } = await start({ fetch: () => new Response('hello') });
    const broken = new RecordingSink();
    broken.head = () => {
      throw new Error('broken');
    };
    pool.run(cgiRequest(), broken);
    await turn();
    assert.equal(pool.running, 0);
    assert.equal((await ask().done).body, 'hello');
    assert.equal(broken.error?.code, 'INTERNAL');
    await pool.close();
  });

  it('at stopTimeout those that run are told, and the modules go down when they are done', async () => {
    const { clock, pool, ask, outcomes } = await start({ fetch: waits }, { stopTimeoutMs: 2_000 });
    const sink = ask();
    await turn();
    const closing = pool.close();
    assert.match(pool.snapshot().notReady ?? '', /closing/);
    clock.advance(2_100);
    await closing;
    assert.equal(sink.error?.code, 'POOL_CLOSING');
    assert.deepEqual(outcomes, ['aborted']);
    assert.equal((await ask().done).error?.code, 'POOL_CLOSING');
    await pool.destroy();
  });
});
