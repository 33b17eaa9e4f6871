import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { Address } from '../../src/connection/address.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { STDERR, STDOUT } from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../../src/upstream/upstream-pool.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type FastcgiApplication, fastcgiApplication } from '../support/fastcgi-application.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { type ScriptedApplication, scriptedApplication } from '../support/scripted-application.ts';
import { until } from '../support/until.ts';
import { queueLimits, upstreamOptions } from '../support/upstreams.ts';

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

function poolOf(addresses: readonly Address[], options: Partial<UpstreamPoolOptions> = {}): UpstreamPool {
  const pool = new UpstreamPool(poolOptions(addresses, options));
  closers.push(() => pool.destroy());
  return pool;
}

function poolOptions(addresses: readonly Address[], options: Partial<UpstreamPoolOptions> = {}): UpstreamPoolOptions {
  return upstreamOptions({ servers: addresses.map((address) => ({ address })), ...options });
}

function send(pool: UpstreamPool, request: CgiRequest = cgiRequest()): Promise<RecordingSink> {
  const sink = new RecordingSink();
  pool.run(request, sink);
  return sink.done;
}

describe('a pool of servers elsewhere', () => {
  it('takes turns', async () => {
    const [one, two] = [await application('one'), await application('two')];
    const pool = poolOf([one.address, two.address]);
    const bodies = [];
    for (let index = 0; index < 4; index += 1) bodies.push((await send(pool)).body);
    assert.deepEqual(bodies, ['one', 'two', 'one', 'two']);
    assert.equal(pool.connections, 2);
  });

  it('runs a POST on the next server when one cannot be reached, and leaves that one alone for a while', async () => {
    const up = await application('up');
    const pool = poolOf([nobody, up.address]);
    for (let index = 0; index < 4; index += 1) assert.equal((await send(pool, post)).body, 'up');
    assert.equal(pool.counters.retried, 1);
    assert.match(pool.description, /unix:\/nonexistent\/socket, unix:.* \(1 of 2 rest after failures\)/);
  });

  it('runs a GET, and no POST, again on the next server when the connection broke before any answer', async () => {
    const up = await application('up');
    const limits = { balance: { maxFails: 0 } };
    assert.equal((await send(poolOf([await closing(), up.address], limits))).body, 'up');
    const sink = await send(poolOf([await closing(), up.address], limits), post);
    assert.equal(sink.error?.code, 'CONNECTION_LOST');
  });

  it('fails when every server was tried', async () => {
    const pool = poolOf([nobody, await closing()]);
    const sink = await send(pool);
    assert.ok(sink.error?.code === 'CONNECTION_LOST' || sink.error?.code === 'CONNECT_FAILED');
    const { accepted, waiting, running, finished, aborted, failed, retried } = pool.counters;
    assert.deepEqual([accepted, waiting, running, finished, aborted, failed], [1, 0, 0, 0, 1, 1]);
    assert.ok(retried <= 2);
  });

  it('opens no more connections than it may, and lets the rest wait in their order', async () => {
    const one = await application('one', 10);
    const pool = poolOf([one.address], { maxConnections: 2 });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await send(pool);
        order.push(index);
      }),
    );
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
    assert.equal(pool.connections, 2);
    assert.equal(pool.counters.finished, 6);
  });

  it('runs no more requests at a time than it may, over all servers', async () => {
    const [one, two] = [await application('one', 10), await application('two', 10)];
    const pool = poolOf([one.address, two.address], { maxConnections: 1 });
    const answers = [send(pool), send(pool), send(pool)];
    assert.equal(pool.counters.running, 1);
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      ['one', 'two', 'one'],
    );
  });

  it('keeps a connection after a request without a body, and not after one with a body', async () => {
    const one = await application('one');
    const pool = poolOf([one.address]);
    await send(pool);
    assert.equal(pool.connections, 1);
    await send(pool, post);
    assert.equal(pool.connections, 0);
  });

  it('fails what takes longer than the limit, closes its connection, and serves the next one', async () => {
    let isSlow = true;
    const started = await fastcgiApplication(() => (isSlow ? { delayMs: 300 } : { body: 'quick' }));
    closers.push(() => started.close());
    const pool = poolOf([started.address], { maxConnections: 1, limits: { ...queueLimits, requestTimeoutMs: 20 } });
    const sink = await send(pool);
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
    assert.match(sink.error.message, /no complete answer within 20 ms/);
    isSlow = false;
    assert.equal((await send(pool)).body, 'quick');
  });

  it('closes the connection of a request that is aborted, and calls its sink no more', async () => {
    const one = await application('one', 30);
    const pool = poolOf([one.address]);
    const sink = new RecordingSink();
    const exchange = pool.run(cgiRequest(), sink);
    await new Promise((resolve) => setTimeout(resolve, 10));
    exchange.abort();
    exchange.abort();
    assert.equal(pool.connections, 0);
    assert.deepEqual(sink.calls, []);
    assert.equal(pool.counters.aborted, 1);
  });

  it('lets one that waits be aborted', async () => {
    const one = await application('one', 20);
    const pool = poolOf([one.address], { maxConnections: 1 });
    const first = send(pool);
    const exchange = pool.run(cgiRequest(), new RecordingSink());
    exchange.abort();
    assert.equal(pool.counters.waiting, 0);
    await first;
    assert.equal(one.requests.length, 1);
  });

  it('goes on with other servers after a reload, and lets the old ones finish', async () => {
    const [old, fresh] = [await application('old', 20), await application('new')];
    const pool = poolOf([old.address]);
    const running = send(pool);
    await new Promise((resolve) => setTimeout(resolve, 5));
    pool.reload(poolOptions([fresh.address]));
    assert.equal((await send(pool)).body, 'new');
    assert.equal((await running).body, 'old');
  });

  it('finishes what runs and waits before close() resolves, and refuses the rest', async () => {
    const one = await application('one', 20);
    const pool = poolOf([one.address], { maxConnections: 1 });
    const [running, waiting] = [send(pool), send(pool)];
    const closed = pool.close(5_000);
    assert.equal((await send(pool)).error?.code, 'POOL_CLOSING');
    assert.equal((await running).body, 'one');
    assert.equal((await waiting).body, 'one');
    await closed;
    assert.equal(pool.connections, 0);
  });
});

/** Records of an answer to the request with this id. */
const answer = (body: string, id = 1): Buffer => {
  const writer = new RecordWriter();
  writer.text(STDOUT, id, `Content-Type: text/plain\r\n\r\n${body}`);
  writer.end(STDOUT, id);
  writer.endRequest(id, 0, 0);
  return writer.take();
};

function endRequest(protocolStatus = 0): Buffer {
  const writer = new RecordWriter();
  writer.endRequest(1, 0, protocolStatus);
  return writer.take();
}

/** A server that does with each request, of which it is told the number on its connection, what a test says. */
async function scripted(
  onRequest: (socket: Socket, number: number, connection: number) => void,
): Promise<ScriptedApplication> {
  let connections = 0;
  const started = await scriptedApplication((socket) => {
    connections += 1;
    const connection = connections;
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      onRequest(socket, requests, connection);
    });
    socket.on('end', () => socket.end());
  });
  closers.push(() => started.close());
  return started;
}

describe('a pool of servers elsewhere, another server', () => {
  const faults: [what: string, limits: Partial<typeof queueLimits>, fault: (socket: Socket) => void][] = [
    ['says nothing until the time is over', { readTimeoutMs: 150 }, () => {}],
    ['ends the request without an answer', {}, (socket) => socket.write(endRequest())],
    ['does not speak FastCGI', {}, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['closes the connection', {}, (socket) => socket.destroy()],
    ['has no room', {}, (socket) => socket.write(endRequest(2))],
  ];
  for (const [what, limits, fault] of faults) {
    it(`is asked for a GET when one ${what}`, async () => {
      const bad = await scripted(fault);
      const up = await application('up');
      const pool = poolOf([bad.address, up.address], { limits: { ...queueLimits, ...limits } });
      const { body, error } = await send(pool);
      assert.deepEqual([body, error], ['up', null]);
      assert.equal(pool.counters.retried, 1);
      assert.equal(bad.sockets.length, 1);
    });
  }

  it('is asked for a POST only when the first took nothing of it, or refused it', async () => {
    const codes: (string | undefined)[] = [];
    for (const [, limits, fault] of faults) {
      const [bad, up] = [await scripted(fault), await application('up')];
      codes.push(
        (await send(poolOf([bad.address, up.address], { limits: { ...queueLimits, ...limits } }), post)).error?.code,
      );
    }
    assert.deepEqual(codes, ['ANSWER_TIMEOUT', 'ANSWER_INVALID', 'PROTOCOL_ERROR', 'CONNECTION_LOST', undefined]);
  });

  it('is not asked when a byte of an answer came', async () => {
    const bad = await scripted((socket) => {
      const writer = new RecordWriter();
      writer.text(STDERR, 1, '!');
      socket.end(writer.take());
    });
    const pool = poolOf([bad.address, (await application('up')).address]);
    assert.equal((await send(pool)).error?.code, 'CONNECTION_LOST');
  });

  it('is a backup only while all others fail', async () => {
    const up = await fastcgiApplication(() => ({ body: 'up' }));
    const spare = await application('spare');
    const servers = [{ address: up.address }, { address: spare.address, isBackup: true }];
    const pool = poolOf([], { servers });
    const bodies = [(await send(pool)).body, (await send(pool)).body];
    await up.close();
    bodies.push((await send(pool)).body, (await send(pool)).body);
    assert.deepEqual(bodies, ['up', 'up', 'spare', 'spare']);
  });
});

describe('a pool of servers elsewhere, kept connections', () => {
  it('are none unless reuse says so', async () => {
    const one = await application('one');
    const pool = poolOf([one.address], { reuse: 'never' });
    await send(pool);
    assert.equal(pool.connections, 0);
  });

  it('carry no request that may not be sent twice, with "bodiless"', async () => {
    const one = await scripted((socket, number) => socket.write(answer('', number)));
    const pool = poolOf([one.address], { reuse: 'bodiless' });
    await send(pool);
    await send(pool, cgiRequest({ method: 'POST', idempotent: false }));
    await send(pool);
    assert.deepEqual([one.sockets.length, pool.connections], [2, 1]);
  });

  it('on which a GET is read by nobody: it is sent again on a new one, and none is kept any more', async () => {
    let isAsked = false;
    const silent = await scripted((socket, number, connection) => {
      isAsked = number === 2;
      if (number === 1) socket.write(answer(`${connection}`));
    });
    const log = new RecordingLog();
    const clock = new FakeClock();
    const pool = poolOf([silent.address], { reuse: 'always', clock, log });
    assert.equal((await send(pool)).body, '1');
    const second = send(pool);
    await until(() => isAsked);
    for (let seconds = 0; seconds < 6; seconds += 1) clock.advance(1_000);
    assert.equal((await second).body, '2');
    assert.equal((await send(pool)).body, '3');
    assert.equal(pool.connections, 0);
    const lines = log.records.map(({ message }) => message);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /left a request unread on a kept connection: it is sent again on a new one; none is kept/);
  });

  it('on which a POST is read by nobody: it goes on waiting, and none is kept any more', async () => {
    let isAsked = false;
    const slow = await scripted((socket, number) => {
      isAsked = number === 2;
      if (number === 1) socket.write(answer('1'));
      else setTimeout(() => socket.write(answer('late', 2)), 100);
    });
    const clock = new FakeClock();
    const pool = poolOf([slow.address], { reuse: 'always', clock });
    await send(pool);
    const second = send(pool, cgiRequest({ method: 'POST', idempotent: false }));
    await until(() => isAsked);
    clock.advance(6_000);
    assert.equal((await second).body, 'late');
    assert.equal(slow.sockets.length, 1);
  });

  it('what a fork sends on one for a request that has ended is logged with its URL, and spoils no other', async () => {
    const forking = await scripted((socket, number, connection) => {
      if (number === 2) socket.write(answer('late'));
      socket.write(answer(`${connection}.${number}`, number));
    });
    const log = new RecordingLog();
    const pool = poolOf([forking.address], { reuse: 'always', log });
    await send(pool, cgiRequest({ url: '/fork.php' }));
    assert.equal((await send(pool)).body, '1.2');
    assert.equal((await send(pool)).body, '2.1');
    assert.match(log.records[0]!.message, /GET \/fork\.php went on writing after its end/);
  });
});

describe('a pool of servers elsewhere, readiness', () => {
  it('is not ready, and says why, while none of its servers takes a connection; and is again when one does', async () => {
    const folder = await scripted(() => {});
    const path = `${folder.address.kind === 'unix' ? folder.address.path : ''}2`;
    const log = new RecordingLog();
    const clock = new FakeClock();
    const pool = poolOf([nobody, { kind: 'unix', path }], { clock, log });
    assert.equal(pool.notReady, null);
    await pool.watch();
    assert.match(
      pool.notReady!,
      /^pool test: none of its servers takes a connection: unix:\/nonexistent\/socket \(.*ENOENT.*\), unix:.*2 \(/,
    );
    assert.equal(log.records.length, 2);
    const server = createServer().listen(path);
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    clock.advance(3_000);
    await until(() => pool.notReady === null);
    assert.match(log.records[2]!.message, /takes connections again/);
    server.close();
    for (let looks = 0; looks < 3; looks += 1) clock.advance(3_000);
    await until(() => pool.notReady !== null);
  });

  it('looks at no server that requests show to be there', async () => {
    const one = await scripted((socket, number) => socket.write(answer('', number)));
    const clock = new FakeClock();
    const pool = poolOf([one.address], { clock, reuse: 'always', idleTimeoutMs: 0 });
    await pool.watch();
    const before = one.sockets.length;
    for (let round = 0; round < 5; round += 1) {
      clock.advance(8_900);
      await send(pool);
      clock.advance(100);
    }
    assert.equal(one.sockets.length - before, 1);
    assert.equal(pool.notReady, null);
  });
});
