import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { PosternError } from '../../src/errors.ts';
import { ClientLimits } from '../../src/front/client-limits.ts';
import { Http1Front } from '../../src/front/http1.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { answerText, collectRequests, echoTarget, startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';
import { listening } from '../support/recording-answer.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('requests', () => {
  it('gives the handler a request as it came, and where it came from', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send('PUT /%e9?a HTTP/1.1\r\nhOST: a\r\nX: \xe9\r\nContent-Length: 0\r\n\r\n');
    await until(() => asked.length === 1);
    const { peer, ...request } = asked[0]!.request;
    assert.deepEqual(request, {
      method: 'PUT',
      target: '/%e9?a',
      version: '1.1',
      headers: ['hOST', 'a', 'X', '\xe9', 'Content-Length', '0'],
      body: null,
      contentLength: 0,
      made: null,
    });
    assert.deepEqual(peer, {
      remoteAddress: '127.0.0.1',
      remotePort: client.socket.localPort,
      localAddress: '127.0.0.1',
      localPort: port,
      secure: false,
      memo: null,
    });
  });

  it('tells an IPv4 client of an IPv6 listener by its IPv4 address', async (t) => {
    const { handler, asked } = collectRequests();
    const front = new Http1Front({ handler });
    t.after(() => front.destroy());
    const address = await front.listen({ kind: 'tcp', host: '::', port: 0 });
    const client = await RawClient.connect(t, address.kind === 'tcp' ? address.port : 0);
    client.send(get);
    await until(() => asked.length === 1);
    assert.equal(asked[0]!.request.peer.remoteAddress, '127.0.0.1');
  });

  it('answers pipelined requests in their order, one at a time', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(['/1', '/2', '/3'].map((path) => get.replace('/', path)).join(''));
    for (const number of [1, 2, 3]) {
      await until(() => asked.length === number);
      assert.equal(asked[number - 1]!.request.target, `/${number}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(asked.length, number);
      answerText(asked[number - 1]!.answer, `answer ${number}`);
    }
    await client.untilHas('answer 3');
    assert.deepEqual(client.received.match(/answer \d/g), ['answer 1', 'answer 2', 'answer 3']);
  });

  it('answers ten thousand pipelined requests that are answered at once', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(get.repeat(10_000));
    await client.untilHas('GET /', 10_000);
  });

  it('reads no more than 64 KiB of later requests while one runs', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.socket.write(get.repeat(1_000_000));
    await until(() => asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(client.socket.writableLength > 0, 'the client could send it all');
  });

  it('refuses a malformed request and ends the connection, after the answers to those before it', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(`${get}GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n${get}`);
    const text = await client.untilEnd();
    assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
    assert.match(text, /Connection: close\r\n\r\n400 Bad Request\nThe request could not be understood.\n$/);
  });

  for (const [status, request] of [
    ['414 URI Too Long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    [
      '431 Request Header Fields Too Large',
      `GET / HTTP/1.1\r\nHost: a\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(70)}\r\n`,
    ],
    ['431 Request Header Fields Too Large', `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(201)}\r\n`],
    ['505 HTTP Version Not Supported', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['501 Not Implemented', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
    ['417 Expectation Failed', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n'],
    ['400 Bad Request', 'GET / HTTP/1.1\n'],
    ['400 Bad Request', '\x16\x03\x01\x02\0'],
  ] as const) {
    it(`answers ${status} to ${JSON.stringify(request.slice(0, 40))}`, async (t) => {
      const { port } = await startFront(t);
      const client = await RawClient.connect(t, port);
      client.send(request);
      assert.ok((await client.untilEnd()).startsWith(`HTTP/1.1 ${status}\r\n`), client.received);
      assert.equal(client.end, 'ended');
    });
  }

  it('answers 500 when the handler throws, and goes on', async (t) => {
    const { port } = await startFront(t, {
      handler() {
        throw new Error('secret');
      },
    });
    const client = await RawClient.connect(t, port);
    client.send(get);
    const text = await client.untilEnd();
    assert.match(text, /^HTTP\/1.1 500 /);
    assert.doesNotMatch(text, /secret/);
    const second = await RawClient.connect(t, port);
    second.send(get);
    assert.match(await second.untilEnd(), /^HTTP\/1.1 500 /);
  });
});

describe('keep-alive', () => {
  it('serves one request after another', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    for (const number of [1, 2, 3]) {
      client.send(get.replace('/', `/${number}`));
      await client.untilHas(`GET /${number}`);
    }
    assert.doesNotMatch(client.received, /Connection:/);
  });

  it('ends after "Connection: close", and says so', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(`${get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}${get}`);
    const text = await client.untilEnd();
    assert.equal(text.split('HTTP/1.1 200').length, 2);
    assert.match(text, /\r\nConnection: close\r\n/);
  });

  it('ends after a request of HTTP/1.0', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send('GET / HTTP/1.0\r\n\r\n');
    assert.match(await client.untilEnd(), /\r\nConnection: close\r\n[\s\S]*GET \/$/);
  });

  it('goes on after one of HTTP/1.0 with keep-alive', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    const request = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
    client.send(request);
    await client.untilHas('GET /');
    client.send(request);
    await client.untilHas('GET /', 2);
    assert.match(client.received, /\r\nConnection: keep-alive\r\n/);
  });

  it('answers a client that has closed its side after its requests', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.socket.end(get + get);
    await until(() => asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    answerText(asked[0]!.answer, 'first');
    await until(() => asked.length === 2);
    answerText(asked[1]!.answer, 'second');
    assert.match(await client.untilEnd(), /first[\s\S]*Connection: close[\s\S]*second$/);
  });
});

describe('limits in time', () => {
  it('answers 408 to a head that does not come to its end, however often a byte comes', async (t) => {
    const clock = new FakeClock();
    const { port } = await startFront(t, { clock, limits: { headTimeoutMs: 10_000 } });
    const client = await RawClient.connect(t, port);
    for (const byte of 'GET / HTT') {
      client.send(byte);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    clock.advance(9_000);
    client.send('P');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(client.received, '');
    clock.advance(3_000);
    assert.match(await client.untilEnd(), /^HTTP\/1.1 408 Request Timeout\r\n/);
  });

  it('closes a connection on which nothing comes', async (t) => {
    const clock = new FakeClock();
    const { port, front } = await startFront(t, { clock, limits: { headTimeoutMs: 10_000 } });
    const client = await RawClient.connect(t, port);
    await until(() => front.connections === 1);
    clock.advance(12_000);
    assert.equal(await client.untilEnd(), '');
  });

  it('closes an idle connection, not one on which a request runs', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { clock, handler, limits: { keepAliveTimeoutMs: 10_000 } });
    const [idle, busy] = [await RawClient.connect(t, port), await RawClient.connect(t, port)];
    idle.send(get);
    await until(() => asked.length === 1);
    busy.send(get);
    await until(() => asked.length === 2);
    answerText(asked[0]!.answer, 'idle');
    await idle.untilHas('idle');
    clock.advance(9_000);
    assert.equal(idle.end, 'open');
    clock.advance(3_000_000);
    await idle.untilEnd();
    answerText(asked[1]!.answer, 'busy');
    await busy.untilHas('busy');
  });

  it('ends a body that does not come on with REQUEST_TIMEOUT, and lets the handler answer', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { clock, handler, limits: { bodyTimeoutMs: 10_000 } });
    const client = await RawClient.connect(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
    await until(() => asked.length === 1);
    const { request, answer } = asked[0]!;
    const failed = new Promise<unknown>((resolve) => request.body!.on('error', resolve));
    request.body!.resume();
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(12_000);
    const error = await failed;
    assert.ok(error instanceof PosternError && error.code === 'REQUEST_TIMEOUT');
    answer.head(408, []);
    answer.end();
    assert.match(await client.untilEnd(), /^HTTP\/1.1 408 /);
  });

  it('ends with the last answer where a client left in the middle of its next head', async (t) => {
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { handler, clock: new FakeClock() });
    const client = await RawClient.connect(t, port);
    client.socket.end(`${get}GET /next HTT`);
    await until(() => asked.length === 1);
    // Its FIN comes first, or the test proves nothing.
    await wait(50);
    answerText(asked[0]!.answer, 'whole');
    assert.match(await client.untilEnd(), /^HTTP\/1\.1 200 [\s\S]*whole/);
    await until(() => front.connections === 0);
  });

  it('closes the connection of a client that does not read its answer', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { clock, handler, limits: { writeTimeoutMs: 10_000 } });
    const client = await RawClient.connect(t, port);
    client.socket.pause();
    client.send(get);
    await until(() => asked.length === 1);
    const { answer } = asked[0]!;
    let gone = 0;
    answer.listener = listening({ gone: () => (gone += 1) });
    answer.head(200, []);
    const chunk = Buffer.alloc(65_536);
    let writes = 0;
    while (answer.write(chunk) && writes < 1000) {
      writes += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(writes < 1000, 'the socket took 64 MB');
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(10_000);
    assert.equal(front.connections, 1);
    clock.advance(100_000);
    await until(() => front.connections === 0);
    assert.equal(gone, 1);
  });

  it('takes a client for gone that closed its side and whose request makes no progress', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { clock, handler });
    const client = await RawClient.connect(t, port);
    client.socket.end(get);
    await until(() => asked.length === 1);
    let gone = 0;
    asked[0]!.answer.listener = listening({ gone: () => (gone += 1) });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(gone, 0);
    clock.advance(3_000);
    await until(() => front.connections === 0);
    assert.equal(gone, 1);
    answerText(asked[0]!.answer, 'too late');
  });
});

describe('Http1Front', () => {
  it('listens on a Unix socket with mode 0660, and its clients have no address', async (t) => {
    const path = `${temporaryFolder(t)}/front.sock`;
    const { handler, asked } = collectRequests();
    const front = new Http1Front({ handler });
    t.after(() => front.destroy());
    await front.listen({ kind: 'unix', path });
    assert.equal(statSync(path).mode & 0o777, 0o660);
    const client = await RawClient.connect(t, path);
    client.send(get);
    await until(() => asked.length === 1);
    const { remoteAddress, remotePort, localAddress, localPort } = asked[0]!.request.peer;
    assert.deepEqual([remoteAddress, remotePort, localAddress, localPort], ['', 0, '', 0]);
  });

  it('serves sockets that were accepted elsewhere', async (t) => {
    const front = new Http1Front({ handler: echoTarget });
    const server = createServer({ allowHalfOpen: true }, (socket) => front.serve(socket));
    t.after(() => {
      server.close();
      front.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = await RawClient.connect(t, (server.address() as AddressInfo).port);
    client.send(`${get}${get}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab`);
    await client.untilHas('POST /');
    assert.equal(client.received.split('GET /').length, 3);
  });

  it('refuses an address that is in use with ADDRESS_IN_USE', async (t) => {
    const { port } = await startFront(t);
    const second = new Http1Front({ handler: echoTarget });
    await assert.rejects(
      second.listen({ kind: 'tcp', host: '127.0.0.1', port }),
      (error) => error instanceof PosternError && error.code === 'ADDRESS_IN_USE',
    );
  });

  it('close() lets what runs come to its end with "Connection: close", and closes what is idle', async (t) => {
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { handler });
    const [idle, busy] = [await RawClient.connect(t, port), await RawClient.connect(t, port)];
    idle.send(get);
    await until(() => asked.length === 1);
    answerText(asked[0]!.answer, 'idle');
    await idle.untilHas('idle');
    busy.send(get);
    await until(() => asked.length === 2);
    const closed = front.close(10_000);
    await idle.untilEnd();
    await assert.rejects(RawClient.connect(t, port));
    assert.equal(busy.end, 'open');
    answerText(asked[1]!.answer, 'busy');
    assert.match(await busy.untilEnd(), /Connection: close[\s\S]*busy$/);
    busy.socket.end();
    idle.socket.end();
    await closed;
    await front.close(10_000);
  });

  it('close() serves the first request of a connection that was there already', async (t) => {
    const { port, front } = await startFront(t);
    const client = await RawClient.connect(t, port);
    await until(() => front.connections === 1);
    const closed = front.close(10_000);
    client.send(get);
    assert.match(await client.untilEnd(), /Connection: close[\s\S]*GET \/$/);
    client.socket.end();
    await closed;
  });

  it('close() destroys after its time what has not ended', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { handler, clock });
    const client = await RawClient.connect(t, port);
    client.send(get);
    await until(() => asked.length === 1);
    let gone = 0;
    asked[0]!.answer.listener = listening({ gone: () => (gone += 1) });
    const closed = front.close(5_000);
    clock.advance(5_000);
    await closed;
    await client.untilEnd();
    assert.equal(gone, 1);
  });

  const few = { maxConnections: 2, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 1 };

  it('lets a connection above maxConnections wait until another has gone, and answers 503 where there is no room', async (t) => {
    const { handler, asked } = collectRequests();
    const clients = new ClientLimits(few);
    const { port } = await startFront(t, { handler, clients });
    const busy = [await RawClient.connect(t, port), await RawClient.connect(t, port)];
    for (const client of busy) client.send(get);
    await until(() => asked.length === 2);
    const third = await RawClient.connect(t, port);
    third.send(get);
    await until(() => clients.waiting.size === 1);
    const fourth = await RawClient.connect(t, port);
    assert.match(await fourth.untilEnd(), /^HTTP\/1\.1 503 .*Retry-After: 1.*Connection: close.*is busy\.\n$/s);
    await wait(50);
    assert.deepEqual([third.received, third.end, asked.length], ['', 'open', 2]);
    answerText(asked[0]!.answer, 'done');
    assert.match(await busy[0]!.untilEnd(), /Connection: close/);
    busy[0]!.socket.end();
    await until(() => asked.length === 3);
    answerText(asked[2]!.answer, 'at last');
    await third.untilHas('at last');
    assert.deepEqual([clients.served, clients.waiting.size], [2, 0]);
  });

  it('closes a connection that is idle for one that comes', async (t) => {
    const clients = new ClientLimits(few);
    const { port } = await startFront(t, { clients });
    const idle = [await RawClient.connect(t, port), await RawClient.connect(t, port)];
    for (const client of idle) {
      client.send(get);
      await client.untilHas('GET /');
    }
    const third = await RawClient.connect(t, port);
    third.send(get);
    await third.untilHas('GET /');
    assert.equal(idle.filter((client) => client.end === 'open').length, 1);
  });

  it('closes a connection of an address that has too many, and no other', async (t) => {
    const clients = new ClientLimits({ ...few, maxConnections: 0, maxConnectionsPerClient: 2 });
    const { port } = await startFront(t, { clients });
    const first = await RawClient.connect(t, port);
    await RawClient.connect(t, port);
    const third = await RawClient.connect(t, port);
    await third.untilEnd();
    first.socket.destroy();
    await until(() => clients.served === 1);
    const fourth = await RawClient.connect(t, port);
    fourth.send(get);
    await fourth.untilHas('GET /');
  });

  it('answers 408 to a body that trickles in, however short its pauses', async (t) => {
    const clock = new FakeClock();
    const { handler, asked } = collectRequests();
    const clients = new ClientLimits({ ...few, minBodyRate: 100 });
    const { port } = await startFront(t, { handler, clients, clock });
    const client = await RawClient.connect(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n');
    await until(() => asked.length === 1);
    let failure: unknown;
    let bytes = 0;
    asked[0]!.request
      .body!.on('data', (chunk: Buffer) => (bytes += chunk.length))
      .on('error', (error) => (failure = error));
    for (let second = 1; failure === undefined && second < 30; second += 1) {
      client.send('x'.repeat(20));
      await until(() => bytes === 20 * second);
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(failure === undefined || second >= 10, `judged after ${second} s`);
    }
    assert.match(String(failure), /20 bytes a second|minBodyRate/);
    assert.equal(clients.hits.minBodyRate, 1);
  });

  it('answers 408 to a head that takes longer than headTimeout, and says so in the log and the count', async (t) => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const clients = new ClientLimits({ ...few, headTimeoutMs: 2_000 });
    const { port } = await startFront(t, { clients, clock, log });
    const client = await RawClient.connect(t, port);
    client.send('GET / HTTP/1.1\r\nX-A: ');
    await until(() => clients.served === 1);
    for (let second = 0; client.received === '' && second < 10; second += 1) {
      client.send('a');
      await wait(20);
      clock.advance(1_000);
    }
    assert.match(await client.untilEnd(), /^HTTP\/1\.1 408/);
    assert.equal(clients.hits.headTimeout, 1);
    assert.ok(log.records.some(({ level, message }) => level === 'warn' && /headTimeout/.test(message)));
  });

  it('ends a connection with its last request, where there may be only so many', async (t) => {
    const clients = new ClientLimits({ ...few, maxRequests: 2 });
    const { port } = await startFront(t, { clients });
    const client = await RawClient.connect(t, port);
    client.send(get + get + get);
    const got = await client.untilEnd();
    assert.equal(got.match(/HTTP\/1\.1 200/g)?.length, 2);
    assert.equal(got.match(/Connection: close/g)?.length, 1);
    assert.equal(clients.hits.maxRequests, 1);
  });

  it('leaves no descriptor behind', async (t) => {
    const { port, front } = await startFront(t);
    const before = readdirSync('/proc/self/fd').length;
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(t, port)));
    for (const client of clients) client.send(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await Promise.all(clients.map((client) => client.untilEnd()));
    for (const client of clients) client.socket.end();
    await until(() => front.connections === 0);
    await until(() => readdirSync('/proc/self/fd').length <= before);
  });
});
