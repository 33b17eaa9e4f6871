import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientOptions, createClient, PosternError } from '../../src/client/index.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { type FastcgiApplication, fastcgiApplication, type TestAnswer } from '../support/fastcgi-application.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { scriptedApplication } from '../support/scripted-application.ts';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(
  answer: (request: CgiRequest, body: string) => TestAnswer,
  options: Partial<ClientOptions> = {},
  limits = {},
): Promise<{ client: Client; application: FastcgiApplication }> {
  const application = await fastcgiApplication(answer, limits);
  const client = createClient({ address: application.address, ...options });
  closers.push(
    () => application.close(),
    async () => client.destroy(),
  );
  return { client, application };
}

const echo = (request: CgiRequest, body: string): TestAnswer => ({
  headers: ['Content-Type', 'text/plain', 'X-Method', request.environment.REQUEST_METHOD ?? ''],
  body: `${request.environment.QUERY_STRING} ${body}`,
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof PosternError && error.code === code;
}

describe('a client', () => {
  it('gives an answer: status, header fields in any case, body, STDERR, appStatus and times', async () => {
    const { client } = await start(() => ({
      status: 404,
      headers: ['X-A', '1', 'x-a', '2', 'X-B', 'h\xc3\xa9'],
      body: 'gone é',
      stderr: 'oops',
    }));
    const answer = await client.request({ url: '/x' });
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.headers.getAll('x-A'), ['1', '2']);
    assert.equal(answer.headers.get('X-b'), 'hé');
    assert.equal(answer.headers.get('none'), undefined);
    assert.equal(answer.text(), 'gone é');
    assert.equal(answer.stderr.toString(), 'oops');
    assert.equal(answer.appStatus, 0);
    assert.ok(answer.timing.totalMs >= answer.timing.firstByteMs);
    assert.ok(answer.timing.connectMs > 0);
  });

  it('takes an option that is undefined for one that was left out', async () => {
    const { client } = await start(echo, { maxConnections: undefined, queue: undefined, requestTimeoutMs: undefined });
    const given = { signal: undefined, body: undefined, bodyBytes: undefined, timeoutMs: undefined };
    assert.equal((await client.request({ url: '/?a', ...given })).text(), 'a ');
  });

  it('sends bodies of text, bytes and streams', async () => {
    const { client, application } = await start(echo);
    const bodies = [
      'text é',
      new Uint8Array([104, 105]),
      Readable.from([Buffer.from('st'), Buffer.from('ream')]),
      new Blob(['web']).stream(),
    ];
    const lengths = [undefined, undefined, 6, undefined];
    for (const [index, body] of bodies.entries()) {
      const bodyBytes = lengths[index];
      await client.request({ method: 'POST', body, bodyBytes });
    }
    assert.deepEqual(
      application.requests.map(({ body }) => body),
      ['text é', 'hi', 'stream', 'web'],
    );
    assert.deepEqual(
      application.requests.map(({ request }) => request.environment.CONTENT_LENGTH),
      ['7', '2', '6', undefined],
    );
  });

  it('keeps a connection for the next request, and times show it', async () => {
    const { client, application } = await start(echo);
    await client.request({});
    const answer = await client.request({});
    assert.equal(answer.timing.connectMs, 0);
    assert.equal(application.connections, 1);
  });

  it('does not keep a connection after a body, unless it is told to', async () => {
    for (const [reuse, kept] of [
      ['bodiless', 0],
      ['always', 1],
      ['never', 0],
    ] as const) {
      const { client } = await start(echo, { reuse });
      await client.request({ method: 'POST', body: 'a' });
      assert.equal(client.connections, kept, reuse);
    }
  });

  it('closes a kept connection that is idle for too long', async () => {
    const { client } = await start(echo, { idleTimeoutMs: 20 });
    await client.request({});
    assert.equal(client.connections, 1);
    await sleep(60);
    assert.equal(client.connections, 0);
  });

  it('streams an answer with back-pressure', async () => {
    const body = 'x'.repeat(3_000_000);
    const { client } = await start(() => ({ body }));
    const answer = await client.stream({});
    assert.equal(answer.status, 200);
    await sleep(20);
    assert.ok(answer.body.readableLength < 1_000_000, `${answer.body.readableLength} bytes are held`);
    let bytes = 0;
    for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
    assert.equal(bytes, body.length);
    assert.equal((await answer.ended).appStatus, 0);
  });

  it('ends the request when the body of a streamed answer is destroyed', async () => {
    const { client } = await start(() => ({ body: 'x'.repeat(3_000_000) }));
    const answer = await client.stream({});
    answer.body.destroy();
    await assert.rejects(answer.ended, hasCode('ABORTED'));
    await sleep(20);
    assert.equal(client.counters.aborted, 1);
    assert.equal(client.connections, 0);
  });

  it('fails the body of a streamed answer that is cut short', async () => {
    const application = await scriptedApplication((socket) => {
      socket.on('data', () => socket.end(Buffer.from('0106000100080000413a620a0a68656c', 'hex')));
    });
    const client = createClient({ address: application.address });
    closers.push(() => application.close());
    const answer = await client.stream({});
    await assert.rejects(async () => {
      for await (const _ of answer.body);
    }, hasCode('CONNECTION_LOST'));
    await assert.rejects(answer.ended, hasCode('CONNECTION_LOST'));
  });

  it('refuses an answer that is larger than maxBodyBytes', async () => {
    const { client } = await start(() => ({ body: 'x'.repeat(1_000) }), { maxBodyBytes: 999 });
    await assert.rejects(client.request({}), hasCode('ANSWER_INVALID'));
  });

  it('keeps STDERR up to its limit, and counts the rest', async () => {
    const { client } = await start(() => ({ stderr: 'x'.repeat(1_000) }), { maxStderrBytes: 10 });
    const answer = await client.request({});
    assert.equal(answer.stderr.length, 10);
    assert.equal(answer.stderrDroppedBytes, 990);
  });

  it('fails with ABORTED when its signal says so, before and while it runs', async () => {
    const { client } = await start(() => ({ delayMs: 300 }));
    await assert.rejects(client.request({ signal: AbortSignal.abort() }), hasCode('ABORTED'));
    const controller = new AbortController();
    const answer = client.request({ signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await assert.rejects(answer, hasCode('ABORTED'));
    assert.equal(client.counters.aborted, 1);
  });

  it('fails with ANSWER_TIMEOUT at its deadline', async () => {
    const { client } = await start(() => ({ delayMs: 300 }), { requestTimeoutMs: 20 });
    await assert.rejects(client.request({}), hasCode('ANSWER_TIMEOUT'));
    await assert.rejects(client.request({ timeoutMs: 10 }), /within 10 ms/);
  });

  it('lets requests wait for a connection, up to its limits', async () => {
    const { client, application } = await start(() => ({ delayMs: 30 }), { maxConnections: 1, queue: 1 });
    const first = client.request({});
    const second = client.request({});
    await assert.rejects(client.request({}), hasCode('QUEUE_FULL'));
    assert.equal(client.counters.waiting, 1);
    await first;
    const { timing } = await second;
    assert.ok(timing.waitMs >= 20);
    assert.equal(application.connections, 1);
    const { refusedBy, ...counters } = client.counters;
    assert.equal(refusedBy.QUEUE_FULL, 1);
    assert.deepEqual(counters, {
      accepted: 3,
      waiting: 0,
      running: 0,
      finished: 2,
      refused: 1,
      aborted: 0,
      failed: 0,
      retried: 0,
      maxWaiting: 1,
      maxRunning: 1,
      limitReached: 1,
      slow: 0,
    });
  });

  it('gives up waiting at the deadline', async () => {
    const { client } = await start(() => ({ delayMs: 200 }), { maxConnections: 1, queueTimeoutMs: 20 });
    const first = client.request({});
    await assert.rejects(client.request({}), hasCode('QUEUE_TIMEOUT'));
    await first;
  });

  it('fails with CONNECT_FAILED where nobody listens', async () => {
    const client = createClient({ address: 'unix:/nonexistent/socket' });
    await assert.rejects(client.request({}), hasCode('CONNECT_FAILED'));
    await assert.rejects(client.values(), hasCode('CONNECT_FAILED'));
  });

  it('fails with PARAMS_TOO_LARGE, and goes on', async () => {
    const { client } = await start(echo);
    await assert.rejects(client.request({ params: { A: 'x'.repeat(70_000) } }), hasCode('PARAMS_TOO_LARGE'));
    assert.equal((await client.request({})).status, 200);
  });

  it('sends an idempotent request again when its kept connection had been closed', async () => {
    const hello = (id: number): Buffer =>
      Buffer.from(`0106000${id}00060000413a620a0a780103000${id}000800000000000000000000`, 'hex');
    let connections = 0;
    const application = await scriptedApplication((socket) => {
      connections += 1;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        // Its second request is the last thing that the first connection reads.
        if (connections === 1 && requests === 2) socket.destroy();
        else socket.write(hello(requests));
      });
    });
    const client = createClient({ address: application.address });
    closers.push(
      () => application.close(),
      async () => client.destroy(),
    );
    await client.request({});
    assert.equal((await client.request({})).text(), 'x');
    assert.equal(client.counters.retried, 1);
    assert.equal(connections, 2);
  });

  it('does not send a POST again that may have been begun', async () => {
    const application = await scriptedApplication((socket) => socket.on('data', () => socket.destroy()));
    const client = createClient({ address: application.address });
    closers.push(() => application.close());
    await assert.rejects(client.request({ method: 'POST' }), hasCode('CONNECTION_LOST'));
    assert.equal(client.counters.retried, 0);
  });

  it('asks what the application can do', async () => {
    const { client } = await start(echo, {}, { maxExchanges: 7 });
    assert.equal((await client.values()).multiplexes, true);
  });

  it('multiplexes where the application says that it can', async () => {
    const { client, application } = await start((_request, body) => ({ body, delayMs: 20 }), {
      multiplex: 10,
      maxConnections: 1,
    });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => client.request({ method: 'POST', body: `${index}` })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      Array.from({ length: 10 }, (_, index) => `${index}`),
    );
    assert.equal(application.connections, 1);
    assert.equal(client.connections, 1);
  });

  it('does not multiplex where the application does not say that it can', async () => {
    const { client } = await start(
      (_request, body) => ({ body, delayMs: 5 }),
      { multiplex: 10, maxConnections: 2 },
      { maxExchanges: 1 },
    );
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => client.request({ method: 'POST', body: `${index}` })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ['0', '1', '2', '3', '4', '5'],
    );
  });

  it('asks an authorizer, and gives its variables', async () => {
    const { client, application } = await start((request) =>
      request.environment.HTTP_AUTHORIZATION === 'yes'
        ? { headers: ['Variable-REMOTE_USER', 'ann', 'X-Other', 'z'] }
        : { status: 401, headers: ['WWW-Authenticate', 'Basic', 'Variable-A', 'b'] },
    );
    const allowed = await client.authorize({ url: '/a', headers: { Authorization: 'yes' } });
    assert.equal(allowed.isAllowed, true);
    assert.deepEqual({ ...allowed.variables }, { REMOTE_USER: 'ann' });
    const denied = await client.authorize({});
    assert.equal(denied.isAllowed, false);
    assert.deepEqual({ ...denied.variables }, {});
    assert.equal(denied.answer.headers.get('www-authenticate'), 'Basic');
    const { request } = application.requests[0]!;
    assert.equal(request.role, 'authorizer');
    for (const name of ['CONTENT_LENGTH', 'SCRIPT_NAME', 'PATH_INFO', 'PATH_TRANSLATED'])
      assert.equal(request.environment[name], undefined);
  });

  it('sends a filter its file', async () => {
    const { client, application } = await start((request) => ({ body: request.role }));
    const answer = await client.request({ role: 'filter', body: 'in', data: 'file', dataModified: new Date(5_000) });
    assert.equal(answer.text(), 'filter');
    const { request, body, data } = application.requests[0]!;
    assert.deepEqual([body, data], ['in', 'file']);
    assert.equal(request.environment.FCGI_DATA_LENGTH, '4');
    assert.equal(request.environment.FCGI_DATA_LAST_MOD, '5');
  });

  it('runs requests with a sink', async () => {
    const { client } = await start(echo);
    const sink = new RecordingSink();
    client.run(cgiRequest({ environment: { QUERY_STRING: 'q' } }), sink);
    await sink.done;
    assert.deepEqual(sink.calls, ['head', 'write', 'end']);
  });

  it('finishes what runs before close() resolves, and refuses what comes after', async () => {
    const { client } = await start(() => ({ delayMs: 20, body: 'done' }));
    const answer = client.request({});
    const closed = client.close();
    await assert.rejects(client.request({}), hasCode('POOL_CLOSING'));
    assert.equal((await answer).text(), 'done');
    await closed;
    assert.equal(client.connections, 0);
  });

  it('fails what runs when it is destroyed', async () => {
    const { client } = await start(() => ({ delayMs: 300 }));
    const answer = client.request({});
    client.destroy();
    await assert.rejects(answer, hasCode('POOL_CLOSING'));
  });
});
