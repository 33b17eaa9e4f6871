import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { RemoteBackend, type RemoteBackendOptions } from '../../src/backend/remote-backend.ts';
import type { Address } from '../../src/connection/address.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';
import { type FastcgiApplication, fastcgiApplication } from '../support/fastcgi-application.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { scriptedApplication } from '../support/scripted-application.ts';

const nobody: Address = { kind: 'unix', path: '/nonexistent/socket' };
const post = cgiRequest({ method: 'POST', idempotent: false, body: bodyOf('a') });
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function application(name: string, delayMs = 0): Promise<FastcgiApplication> {
  const started = await fastcgiApplication(() => ({ body: name, ...(delayMs > 0 ? { delayMs } : {}) }));
  closers.push(() => started.close());
  return started;
}

/** A server that reads a request and closes. */
async function closing(): Promise<Address> {
  const started = await scriptedApplication((socket) => socket.on('data', () => socket.destroy()));
  closers.push(() => started.close());
  return started.address;
}

function backendOf(addresses: readonly Address[], options: Partial<RemoteBackendOptions> = {}): RemoteBackend {
  const backend = new RemoteBackend({ name: 'test', servers: addresses.map((address) => ({ address })), ...options });
  closers.push(() => backend.destroy());
  return backend;
}

function send(backend: RemoteBackend, request: CgiRequest = cgiRequest()): Promise<RecordingSink> {
  const sink = new RecordingSink();
  backend.run(request, sink);
  return sink.done;
}

describe('a backend of servers elsewhere', () => {
  it('takes turns', async () => {
    const [one, two] = [await application('one'), await application('two')];
    const backend = backendOf([one.address, two.address]);
    const bodies = [];
    for (let index = 0; index < 4; index += 1) bodies.push((await send(backend)).body);
    assert.deepEqual(bodies, ['one', 'two', 'one', 'two']);
    assert.equal(backend.connections, 2);
  });

  it('runs a POST on the next server when one cannot be reached, and leaves that one alone for a while', async () => {
    const up = await application('up');
    const backend = backendOf([nobody, up.address]);
    for (let index = 0; index < 4; index += 1) assert.equal((await send(backend, post)).body, 'up');
    assert.equal(backend.counters.retried, 1);
    assert.match(backend.description, /unix:\/nonexistent\/socket, unix:.* \(1 of 2 rest after failures\)/);
  });

  it('runs a GET, and no POST, again on the next server when the connection broke before any answer', async () => {
    const up = await application('up');
    const limits = { balance: { maxFails: 0 } };
    assert.equal((await send(backendOf([await closing(), up.address], limits))).body, 'up');
    const sink = await send(backendOf([await closing(), up.address], limits), post);
    assert.equal(sink.error?.code, 'CONNECTION_LOST');
  });

  it('fails when every server was tried', async () => {
    const backend = backendOf([nobody, await closing()]);
    const sink = await send(backend);
    assert.ok(sink.error?.code === 'CONNECTION_LOST' || sink.error?.code === 'CONNECT_FAILED');
    assert.deepEqual(backend.counters, {
      accepted: 1,
      waiting: 0,
      running: 0,
      finished: 0,
      failed: 1,
      refused: 0,
      aborted: 0,
      retried: 1,
    });
  });

  it('opens no more connections than it may, and lets the rest wait in their order', async () => {
    const one = await application('one', 10);
    const backend = backendOf([one.address], { maxConnections: 2 });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await send(backend);
        order.push(index);
      }),
    );
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
    assert.equal(backend.connections, 2);
    assert.equal(backend.counters.finished, 6);
  });

  it('runs no more requests at a time than it may, over all servers', async () => {
    const [one, two] = [await application('one', 10), await application('two', 10)];
    const backend = backendOf([one.address, two.address], { maxConnections: 1 });
    const answers = [send(backend), send(backend), send(backend)];
    assert.equal(backend.counters.running, 1);
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      ['one', 'two', 'one'],
    );
  });

  it('keeps a connection after a request without a body, and not after one with a body', async () => {
    const one = await application('one');
    const backend = backendOf([one.address]);
    await send(backend);
    assert.equal(backend.connections, 1);
    await send(backend, post);
    assert.equal(backend.connections, 0);
  });

  it('fails what takes longer than the limit, closes its connection, and serves the next one', async () => {
    let isSlow = true;
    const started = await fastcgiApplication(() => (isSlow ? { delayMs: 300 } : { body: 'quick' }));
    closers.push(() => started.close());
    const backend = backendOf([started.address], { maxConnections: 1, limits: { requestTimeoutMs: 20 } });
    const sink = await send(backend);
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
    assert.match(sink.error.message, /did not complete its answer within 20 ms/);
    isSlow = false;
    assert.equal((await send(backend)).body, 'quick');
  });

  it('closes the connection of a request that is aborted, and calls its sink no more', async () => {
    const one = await application('one', 30);
    const backend = backendOf([one.address]);
    const sink = new RecordingSink();
    const exchange = backend.run(cgiRequest(), sink);
    await new Promise((resolve) => setTimeout(resolve, 10));
    exchange.abort();
    exchange.abort();
    assert.equal(backend.connections, 0);
    assert.deepEqual(sink.calls, []);
    assert.equal(backend.counters.aborted, 1);
  });

  it('lets one that waits be aborted', async () => {
    const one = await application('one', 20);
    const backend = backendOf([one.address], { maxConnections: 1 });
    const first = send(backend);
    const exchange = backend.run(cgiRequest(), new RecordingSink());
    exchange.abort();
    assert.equal(backend.counters.waiting, 0);
    await first;
    assert.equal(one.requests.length, 1);
  });

  it('goes on with other servers after a reload, and lets the old ones finish', async () => {
    const [old, fresh] = [await application('old', 20), await application('new')];
    const backend = backendOf([old.address]);
    const running = send(backend);
    await new Promise((resolve) => setTimeout(resolve, 5));
    backend.reload({ name: 'test', servers: [{ address: fresh.address }] });
    assert.equal((await send(backend)).body, 'new');
    assert.equal((await running).body, 'old');
  });

  it('finishes what runs before close() resolves, and refuses the rest', async () => {
    const one = await application('one', 20);
    const backend = backendOf([one.address], { maxConnections: 1 });
    const [running, waiting] = [send(backend), send(backend)];
    const closed = backend.close();
    assert.equal((await waiting).error?.code, 'POOL_CLOSING');
    assert.equal((await send(backend)).error?.code, 'POOL_CLOSING');
    assert.equal((await running).body, 'one');
    await closed;
    assert.equal(backend.connections, 0);
  });
});
