// What a pool of any kind does with its requests: counts, waits, refusals, retries, time limits, readiness, its end, and what the log says.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatMetrics } from '../../src/admin/metrics.ts';
import { Http1Front } from '../../src/front/http1.ts';
import { createGateway } from '../../src/gateway/handle.ts';
import type { AccessRecord } from '../../src/gateway/request-log.ts';
import type { Exchange } from '../../src/protocol/cgi/exchange.ts';
import type { QueueCounters } from '../../src/queue/queue-books.ts';
import type { QueueLimits } from '../../src/queue/queue-limits.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { temporaryFolder } from '../support/folder.ts';
import { testThreads } from '../support/postern-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { measures, serviceStatus } from '../support/service-status.ts';
import { route, siteDefaults } from '../support/site.ts';
import { until } from '../support/until.ts';
import { type MakeBroken, type MakePool, refusals } from './kinds.ts';

/** What differs in a kind, and why. */
interface Trait<Value> {
  readonly is: Value;
  readonly why: string;
}

export interface PoolTraits {
  /** Why it cannot be had here; false: it can. */
  readonly missing?: string | false;
  /** The key that bounds its seats. */
  readonly limit: Trait<'workers' | 'maxRequests'>;
  /** Whether a GET whose program died before a byte of its answer is sent again. */
  readonly resends: Trait<boolean>;
  /** What the log says is done at a time limit, as a pattern. */
  readonly ending: Trait<RegExp>;
  /** A pool of this kind that cannot serve; null: there is nothing that could be missing. */
  readonly broken: Trait<MakeBroken | null>;
  /** A time limit in the tests: more than an answer takes. */
  readonly limitMs: Trait<number>;
}

const patientLimits: QueueLimits = {
  seats: 1,
  queue: 5,
  queueTimeoutMs: 20_000,
  requestTimeoutMs: 20_000,
  readTimeoutMs: 20_000,
};
const noCounts: QueueCounters = {
  accepted: 0,
  waiting: 0,
  running: 0,
  finished: 0,
  refused: 0,
  aborted: 0,
  failed: 0,
  retried: 0,
  maxWaiting: 0,
  maxRunning: 0,
  limitReached: 0,
  slow: 0,
  refusedBy: {
    QUEUE_FULL: 0,
    QUEUE_TIMEOUT: 0,
    POOL_RESTING: 0,
    POOL_CLOSING: 0,
    POOL_DRAINED: 0,
    REQUEST_CRASHES: 0,
  },
};
const heldMs = 400;

/** Runs the suite. */
export function poolConformance(name: string, makePool: MakePool, traits: PoolTraits): void {
  async function start(t: TestContext, given: Partial<QueueLimits> = {}) {
    const folder = temporaryFolder(t);
    const pool = await makePool(t, folder, { ...patientLimits, ...given });
    const ask = (answer: string, method = 'GET'): { sink: RecordingSink; exchange: Exchange } => {
      const sink = new RecordingSink();
      const environment = {
        SCRIPT_FILENAME: join(folder, 'program.cgi'),
        PATH_INFO: `/${answer}`,
        REQUEST_METHOD: method,
      };
      const request = cgiRequest({ environment, method, url: `/${answer}`, idempotent: method === 'GET' });
      return { sink, exchange: pool.backend.run(request, sink) };
    };
    /** The counters at this moment; whatever happened, they add up. */
    const counters = (): QueueCounters => {
      const all = pool.snapshot().counters;
      assert.equal(all.accepted, all.waiting + all.running + all.finished + all.refused + all.aborted);
      return all;
    };
    /** Lets the programs go on that wait. */
    const go = (): void => writeFileSync(join(folder, 'go'), '');
    const idle = (): Promise<void> => until(() => counters().running + counters().waiting === 0);
    return { folder, pool, ask, counters, go, idle };
  }

  /** The same behind a gateway. */
  async function startSite(t: TestContext, given: Partial<QueueLimits> = {}) {
    const { folder: root, pool, counters, go, idle } = await start(t, given);
    const access: AccessRecord[] = [];
    const script = { SCRIPT_FILENAME: join(root, 'program.cgi') };
    const routes = [route('/app/*', 'mount', pool.backend, { env: script })];
    const accessLog = (record: AccessRecord): void => void access.push(record);
    const gateway = createGateway({ site: { ...siteDefaults, name: 'test', root, routes }, log: pool.log, accessLog });
    const front = new Http1Front({ handler: gateway.handle });
    t.after(() => front.destroy());
    const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const ask = async (answer: string): Promise<string> => {
      const client = await RawClient.connect(t, address.kind === 'tcp' ? address.port : 0);
      client.send(`GET /app/${answer} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return client.untilEnd();
    };
    return { pool, ask, access, counters, go, idle };
  }

  describe(`${name}, as a pool`, { skip: traits.missing ?? false }, () => {
    it('counts each request once, wherever it is, at every moment', async (t) => {
      const { ask, counters, go, idle } = await start(t, { queue: 1 });
      assert.deepEqual(counters(), noCounts);
      const first = ask('waits');
      assert.deepEqual(counters(), { ...noCounts, accepted: 1, running: 1, maxRunning: 1 });
      const second = ask('fine');
      const peaks = { ...noCounts, maxRunning: 1, maxWaiting: 1, limitReached: 1 };
      assert.deepEqual(counters(), { ...peaks, accepted: 2, running: 1, waiting: 1 });
      assert.equal((await ask('fine').sink.done).error?.code, 'QUEUE_FULL');
      const refusedBy = { ...noCounts.refusedBy, QUEUE_FULL: 1 };
      assert.deepEqual(counters(), { ...peaks, accepted: 3, running: 1, waiting: 1, refused: 1, refusedBy });
      second.exchange.abort();
      assert.deepEqual(counters(), { ...peaks, accepted: 3, running: 1, refused: 1, refusedBy, aborted: 1 });
      go();
      assert.equal((await first.sink.done).body, 'waited');
      await idle();
      assert.deepEqual(counters(), { ...peaks, accepted: 3, finished: 1, refused: 1, refusedBy, aborted: 1 });
      assert.ok((await ask('dies-in-body', 'POST').sink.done).error);
      await idle();
      const ended = { finished: 1, refused: 1, refusedBy, aborted: 2, failed: 1 };
      assert.deepEqual(counters(), { ...peaks, accepted: 4, ...ended });
    });

    it('shows the requests that run, and how long one has waited', async (t) => {
      const { pool, ask, go } = await start(t);
      const first = ask('waits');
      const second = ask('fine');
      const busy = (): string[] =>
        pool.snapshot().lanes.flatMap(({ state, method, url }) => (state === 'busy' ? `${method} ${url}` : []));
      // A front thread tells of what it runs some time after it has begun.
      await until(() => busy().some((row) => row !== ' '));
      assert.deepEqual(busy(), ['GET /waits']);
      await sleep(heldMs);
      go();
      assert.equal((await second.sink.done).body, 'fine');
      assert.ok(second.exchange.waitedMs! >= heldMs - 20, `${second.exchange.waitedMs} ms`);
      // A front thread may have to hear of the lane first.
      assert.ok(testThreads > 1 || first.exchange.waitedMs === 0, `${first.exchange.waitedMs} ms`);
    });

    it('the access log has the wait, and the run time without it', async (t) => {
      const { ask, access, counters, go } = await startSite(t);
      const first = ask('waits');
      await until(() => counters().running === 1);
      const second = ask('fine');
      await until(() => counters().waiting === 1);
      await sleep(heldMs);
      go();
      await Promise.all([first, second]);
      await until(() => access.length === 2);
      const [held, waited] = access as [AccessRecord, AccessRecord];
      assert.ok(testThreads > 1 || held.waitedMs === 0, `${held.waitedMs} ms`);
      assert.ok(waited.waitedMs! >= heldMs - 20, `waited ${waited.waitedMs} ms`);
      assert.ok(
        waited.runMs! >= 0 && waited.runMs! + waited.waitedMs! <= waited.durationMs + 1,
        JSON.stringify(waited),
      );
    });

    it(`a GET whose program died without a word is ${traits.resends.is ? 'sent once more' : 'not sent again'}: ${traits.resends.why}`, async (t) => {
      const { ask, counters, idle } = await start(t);
      const { sink, exchange } = ask('dies-before-header');
      await sink.done;
      await idle();
      assert.equal(counters().retried, traits.resends.is ? 1 : 0);
      assert.equal(exchange.attempts, traits.resends.is ? 2 : 1);
    });

    it('sends nothing again that is not idempotent, or of which a byte has come, and nothing at a time limit', async (t) => {
      const { ask, counters, idle } = await start(t, { readTimeoutMs: traits.limitMs.is });
      for (const [answer, method] of [
        ['dies-before-header', 'POST'],
        ['dies-in-header', 'GET'],
        ['dies-after-errors', 'GET'],
        ['dies-in-body', 'GET'],
        ['hangs-before-header', 'GET'],
      ] as const) {
        const { sink, exchange } = ask(answer, method);
        await sink.done;
        assert.equal(exchange.attempts, 1, `${method} ${answer}`);
      }
      await idle();
      assert.equal(counters().retried, 0);
    });

    it('refuses when too many wait: 503 with Retry-After, and one log line that names what to raise', async (t) => {
      const { pool, ask, access, counters, go } = await startSite(t, { queue: 0 });
      const first = ask('waits');
      await until(() => counters().running === 1);
      for (const answer of [await ask('fine'), await ask('fine')]) {
        assert.match(answer, /^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
      }
      assert.deepEqual(
        access.map(({ error, status }) => [error, status]),
        [
          ['QUEUE_FULL', 503],
          ['QUEUE_FULL', 503],
        ],
      );
      const raise = `raise ${traits.limit.is}, or queue and queueTimeout`;
      for (const { message } of refusals(pool))
        assert.match(message, new RegExp(`refused a request: .* \\(1 of 1 busy\\) and none may wait: ${raise}$`));
      go();
      assert.match(await first, /waited/);
    });

    it('refuses who has waited too long, in the same way; the wait is in the access log', async (t) => {
      const { pool, ask, access, counters, go } = await startSite(t, { queueTimeoutMs: heldMs });
      const first = ask('waits');
      await until(() => counters().running === 1);
      assert.match(await ask('fine'), /^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
      await until(() => access.length === 1);
      const [{ error, waitedMs, runMs }] = access as [AccessRecord];
      assert.equal(error, 'QUEUE_TIMEOUT');
      assert.ok(waitedMs! >= heldMs - 20 && runMs! < heldMs / 2, `waited ${waitedMs} ms, ran ${runMs} ms`);
      for (const { message } of refusals(pool))
        assert.match(
          message,
          new RegExp(`became free within \\d+ ms \\(1 of 1 busy\\): raise ${traits.limit.is} or queueTimeout$`),
        );
      go();
      assert.match(await first, /waited/);
    });

    it('forgets a request whose client leaves while it waits', async (t) => {
      const { ask, counters, go, idle } = await start(t);
      const first = ask('waits');
      const gone = ask('fine');
      const third = ask('fine');
      gone.exchange.abort();
      go();
      await Promise.all([first.sink.done, third.sink.done]);
      await idle();
      assert.deepEqual(gone.sink.calls, []);
      const { finished, aborted, failed } = counters();
      assert.deepEqual({ finished, aborted, failed }, { finished: 2, aborted: 1, failed: 0 });
    });

    it('says nothing more to a client that leaves while its request runs, and serves the next', async (t) => {
      const { ask, counters, go, idle } = await start(t);
      const gone = ask('waits');
      await sleep(50);
      gone.exchange.abort();
      go();
      assert.equal((await ask('fine').sink.done).body, 'fine');
      await idle();
      assert.deepEqual(gone.sink.calls, []);
      const { finished, aborted, failed } = counters();
      assert.deepEqual({ finished, aborted, failed }, { finished: 1, aborted: 1, failed: 0 });
    });

    for (const limit of ['readTimeout', 'requestTimeout'] as const) {
      it(`at ${limit} the answer ends, one log line says of what and why (${traits.ending.why}), and the next is served`, async (t) => {
        const { pool, ask, counters, idle } = await start(t, { [`${limit}Ms`]: traits.limitMs.is });
        for (const [answer, heads] of [
          ['hangs-before-header', 0],
          ['hangs-in-body', 1],
        ] as const) {
          const { error, heads: seen } = await ask(answer, 'POST').sink.done;
          assert.equal(error?.code, 'ANSWER_TIMEOUT');
          assert.match(error!.message, new RegExp(`raise ${limit}`));
          assert.equal(seen.length, heads);
          const lines = pool.log.matching(new RegExp(`/${answer}`));
          assert.equal(lines.length, 1, JSON.stringify(lines));
          const what = `${traits.ending.is.source} while it runs POST /${answer}, after \\d+ ms \\(${limit}, ${traits.limitMs.is} ms\\)$`;
          assert.match(lines[0]!.message, new RegExp(what));
        }
        assert.equal((await ask('fine').sink.done).body, 'fine');
        await idle();
        const { aborted, failed } = counters();
        assert.deepEqual({ aborted, failed }, { aborted: 2, failed: 2 });
      });
    }

    it('is ready while it can serve, and says that it is not from close() on', async (t) => {
      const { pool } = await start(t);
      assert.equal(pool.snapshot().notReady, null);
      const closing = pool.close();
      assert.equal(pool.snapshot().notReady, `pool ${pool.backend.name} is closing`);
      await closing;
      assert.equal(pool.snapshot().notReady, `pool ${pool.backend.name} is closing`);
    });

    const { is: makeBroken, why } = traits.broken;
    if (makeBroken !== null) {
      it(`is not ready while nothing can serve, and is again by itself: ${why}`, async (t) => {
        const folder = temporaryFolder(t);
        const { pool, mend } = await makeBroken(t, folder, patientLimits);
        assert.match(pool.snapshot().notReady ?? '', new RegExp(`^pool ${pool.backend.name}\\b`));
        await mend();
        await until(
          () => pool.snapshot().notReady === null,
          () => JSON.stringify(pool.snapshot()),
        );
      });
    }

    it('has the same series in the metrics as every other kind', async (t) => {
      const { pool, ask, idle } = await start(t);
      await ask('fine').sink.done;
      await idle();
      const text = await formatMetrics(serviceStatus({ pools: [pool.snapshot()] }), measures());
      const own = `pool="${pool.backend.name}"`;
      for (const series of ['accepted_total', 'finished_total', 'ready', 'workers'])
        assert.match(text, new RegExp(`^postern_pool_${series}\\{${own}\\} 1$`, 'm'));
      for (const series of ['waiting', 'running', 'aborted_total', 'failed_total', 'retried_total', 'slow_total'])
        assert.match(text, new RegExp(`^postern_pool_${series}\\{${own}\\} 0$`, 'm'));
      for (const cause of ['QUEUE_FULL', 'QUEUE_TIMEOUT', 'POOL_CLOSING'])
        assert.match(text, new RegExp(`^postern_pool_refused_total\\{${own},cause="${cause}"\\} 0$`, 'm'));
    });

    it('closes: those that run and wait are served, who comes is told 503', async (t) => {
      const { pool, ask, counters, go } = await start(t);
      const first = ask('waits');
      const second = ask('fine');
      const closing = pool.close();
      const late = await ask('fine').sink.done;
      assert.equal(late.error?.code, 'POOL_CLOSING');
      assert.equal(late.error?.status, 503);
      go();
      assert.equal((await first.sink.done).body, 'waited');
      assert.equal((await second.sink.done).body, 'fine');
      await closing;
      const { accepted, finished, refused } = counters();
      assert.deepEqual({ accepted, finished, refused }, { accepted: 3, finished: 2, refused: 1 });
      assert.deepEqual(pool.snapshot().lanes, []);
    });
  });
}
