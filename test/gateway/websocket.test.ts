// WebSockets through a proxy rule, from a real client of our HTTP/1.1 front to a server in a few lines.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { startFront } from '../support/http1-front.ts';
import { rulesOf, type WrittenRule } from '../support/rules.ts';
import { makeSite, type TestSite } from '../support/site.ts';
import { until } from '../support/until.ts';

interface Upstream {
  readonly server: Server;
  readonly sockets: Socket[];
  readonly requests: IncomingMessage[];
}

/** A site whose "/ws/*" is a server that answers each upgrade as `upgrade` says. */
async function start(
  t: TestContext,
  upgrade: (socket: Socket, request: IncomingMessage) => void,
  rules: WrittenRule[] = [],
): Promise<TestSite & Upstream & { readonly port: number }> {
  const sockets: Socket[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((_request, response) => response.writeHead(426, { 'X-A': '1' }).end('no upgrade'));
  server.on('upgrade', (request, socket: Socket) => {
    sockets.push(socket);
    requests.push(request);
    socket.on('error', () => {});
    upgrade(socket, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => sockets.forEach((socket) => void socket.destroy()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const site = makeSite(t, {}, { rules: rulesOf([...rules, { match: '/ws/*', proxy: url }]) });
  const { port } = await startFront(t, { handler: site.gateway.handle });
  return { ...site, server, sockets, requests, port };
}

const accept = (request: IncomingMessage): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${createHash(
    'sha1',
  )
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')}\r\n\r\n`;

const asking = (path = '/ws/x', upgrade = 'websocket'): string =>
  `GET ${path} HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ${upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

/** A client that keeps what it got. */
function client(t: TestContext, port: number): { readonly socket: Socket; got: string; ended: boolean } {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const state = { socket, got: '', ended: false };
  socket.on('data', (bytes) => {
    state.got += bytes.toString('latin1');
  });
  socket.on('end', () => {
    state.ended = true;
  });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return state;
}

describe('a WebSocket through a proxy', () => {
  it("speaks with Node's own client, both ways", async (t) => {
    const site = await start(t, (socket, request) => {
      socket.write(accept(request));
      // One frame with "hi", and each frame of the client echoed without its mask.
      socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
      socket.on('data', (frame: Buffer) => {
        const length = frame[1]! & 0x7f;
        const mask = frame.subarray(2, 6);
        const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, i) => byte ^ mask[i % 4]!));
        socket.write(Buffer.concat([Buffer.from([frame[0]!, length]), text]));
      });
    });
    const messages: unknown[] = [];
    const socket = new WebSocket(`ws://127.0.0.1:${site.port}/ws/chat?room=1`);
    socket.addEventListener('message', ({ data }) => messages.push(data));
    await until(() => messages.length === 1);
    socket.send('echo');
    await until(() => messages.length === 2);
    assert.deepEqual(messages, ['hi', 'echo']);
    assert.equal(site.requests[0]!.url, '/ws/chat?room=1');
    assert.equal(site.requests[0]!.headers['x-forwarded-for'], '127.0.0.1');
    socket.close();
    site.sockets[0]!.end();
    await until(() => site.gateway.active === 0);
    assert.deepEqual([site.access[0]!.status, site.access[0]!.outcome], [101, 'complete']);
  });

  it('passes on what the client sent with its request, and ends when the client does', async (t) => {
    let got = '';
    const site = await start(t, (socket, request) => {
      socket.write(accept(request));
      socket.on('data', (bytes) => {
        got += bytes;
      });
      socket.on('end', () => socket.end('bye'));
    });
    const { socket, ...rest } = client(t, site.port);
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes;
    });
    assert.equal(rest.got, '');
    socket.write(`${asking()}early`);
    await until(() => got === 'early');
    socket.end('late');
    await until(() => answer.endsWith('bye'));
    assert.equal(got, 'earlylate');
    assert.match(answer, /^HTTP\/1\.1 101 .*\r\n/);
    assert.match(answer, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
    await until(() => site.gateway.active === 0);
  });

  it('brings much, both ways, to who reads slowly', async (t) => {
    const piece = Buffer.alloc(100_000, 'x');
    let got = 0;
    const site = await start(t, (socket, request) => {
      socket.write(accept(request));
      socket.pause();
      setTimeout(() => socket.resume(), 200);
      socket.on('data', (bytes) => {
        got += bytes.length;
      });
      for (let i = 0; i < 50; i += 1) socket.write(piece);
    });
    const slow = client(t, site.port);
    slow.socket.pause();
    slow.socket.write(asking());
    for (let i = 0; i < 50; i += 1) slow.socket.write(piece);
    setTimeout(() => slow.socket.resume(), 200);
    await until(() => slow.got.length > 50 * piece.length && got === 50 * piece.length);
    assert.equal(slow.got.length - slow.got.indexOf('\r\n\r\n') - 4, 50 * piece.length);
  });

  it('that the server refuses is an ordinary answer', async (t) => {
    const site = await start(t, (socket) =>
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nno'),
    );
    const one = client(t, site.port);
    one.socket.write(asking());
    await until(() => one.got.endsWith('no'));
    assert.match(one.got, /^HTTP\/1\.1 403 [\s\S]*X-A: 1/);
    await until(() => site.gateway.active === 0);
  });

  it('ends for the client when the server ends it, and for the server when the client is gone', async (t) => {
    const site = await start(t, (socket, request) => {
      socket.resume();
      socket.write(accept(request));
    });
    const one = client(t, site.port);
    one.socket.write(asking());
    await until(() => one.got.includes('\r\n\r\n'));
    site.sockets[0]!.destroy();
    await until(() => one.ended);
    const other = client(t, site.port);
    other.socket.write(asking());
    await until(() => other.got.includes('\r\n\r\n'));
    other.socket.destroy();
    // The server keeps its side open: it is given a while, and then ended.
    await until(() => site.sockets[1]!.destroyed || site.sockets[1]!.readableEnded);
    await until(() => site.gateway.active === 0);
  });

  it('is not asked for with another protocol: the server sees an ordinary request', async (t) => {
    const site = await start(t, () => assert.fail('upgraded'));
    const one = client(t, site.port);
    one.socket.write(asking('/ws/x', 'h2c'));
    await until(() => one.got.includes('no upgrade'));
    assert.match(one.got, /^HTTP\/1\.1 426/);
    assert.equal(site.requests.length, 0);
  });

  it('asks the gates first', async (t) => {
    const site = await start(t, () => assert.fail('asked'), [{ match: '/ws/*', deny: 'all' }]);
    const one = client(t, site.port);
    one.socket.write(asking());
    await until(() => one.got.includes('\r\n\r\n'));
    assert.match(one.got, /^HTTP\/1\.1 403/);
  });
});
