// Clients that read nothing, slowly, or in bursts, through each front, with real sockets: what waits for them is bounded in memory and on
// disk, then the program waits; and one that takes nothing is closed in the end.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { listenFastcgi } from '../../src/front/fastcgi.ts';
import { fetchHandler } from '../../src/front/fetch-handler.ts';
import type { HttpHandler } from '../../src/gateway/message.ts';
import type { Site } from '../../src/gateway/site.ts';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { startFront } from '../support/http1-front.ts';
import { startNodeServer } from '../support/node-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { makeSite } from '../support/site.ts';
import { until } from '../support/until.ts';

/** One who has asked, and reads only when it is told to. */
interface Reader {
  pause(): void;
  resume(): void;
  /** What came of the body. */
  body(): string;
  /** Whether the connection is closed. */
  isClosed(): boolean;
}

type AskThrough = (t: TestContext, handle: HttpHandler) => Promise<Reader>;

const fronts: Readonly<Record<string, AskThrough>> = {
  'HTTP/1.1': async (t, handler) => askOld(t, (await startFront(t, { handler })).port),
  'the node handler': async (t, handler) => askOld(t, await startNodeServer(t, handler)),
  'the fetch handler': async (t, handler) => askOld(t, await startFetchServer(t, fetchHandler(handler))),
  FastCGI: async (t, handler) => {
    const front = await listenFastcgi({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { handler });
    t.after(() => front.destroy());
    const peer = await FastcgiPeer.connect(t, front.address?.kind === 'tcp' ? front.address.port : 0);
    peer.raw.socket.pause();
    peer.request(1, { REQUEST_URI: '/app/', HTTP_HOST: 'a' }, { keep: false });
    return {
      pause: () => void peer.raw.socket.pause(),
      resume: () => void peer.raw.socket.resume(),
      body: () => bodyOf(peer.answer(1).stdout),
      isClosed: () => peer.raw.end !== 'open',
    };
  },
};

/** Asks in HTTP/1.0: the body ends with the connection, and has no framing. */
async function askOld(t: TestContext, port: number): Promise<Reader> {
  const client = await RawClient.connect(t, port);
  client.socket.pause();
  client.send('GET /app/ HTTP/1.0\r\nHost: a\r\n\r\n');
  return {
    pause: () => void client.socket.pause(),
    resume: () => void client.socket.resume(),
    body: () => bodyOf(client.received),
    isClosed: () => client.end !== 'open',
  };
}

/** A server of one's own that speaks Fetch, as adapters for Node do. */
async function startFetchServer(t: TestContext, fetch: ReturnType<typeof fetchHandler>): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    const controller = new AbortController();
    outgoing.once('close', () => controller.abort());
    const request = new Request(`http://a${incoming.url}`, { signal: controller.signal });
    fetch(request).then(
      (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers));
        const body = Readable.fromWeb(response.body as NodeReadableStream);
        body.on('error', () => outgoing.destroy());
        body.pipe(outgoing);
      },
      () => outgoing.destroy(),
    );
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function bodyOf(answer: string): string {
  const end = answer.indexOf('\r\n\r\n');
  return end === -1 ? '' : answer.slice(end + 4);
}

const pieceBytes = 65_536;

/** A program that writes so many pieces, each of which begins with its number, as fast as it may. */
function writer(t: TestContext, pieces: number, given: Partial<Site>) {
  const site = makeSite(t, undefined, given);
  const wrote = { pieces: 0, hasEnded: false };
  site.backend.script = async (run) => {
    run.sink.head({ status: 200, reason: '', headers: [] });
    for (; wrote.pieces < pieces && !run.isAborted; wrote.pieces += 1) {
      const piece = Buffer.alloc(pieceBytes, '.');
      piece.write(String(wrote.pieces).padStart(8, '0'));
      const mayGoOn = run.sink.write(piece);
      run.sink.flush();
      if (!mayGoOn) await run.resumed();
      else if (wrote.pieces % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
    }
    wrote.hasEnded = true;
    run.sink.end();
    return undefined;
  };
  return { ...site, wrote };
}

function assertWhole(body: string, pieces: number): void {
  assert.equal(body.length, pieces * pieceBytes);
  for (let i = 0; i < pieces; i += 1) {
    assert.equal(body.slice(i * pieceBytes, i * pieceBytes + 8), String(i).padStart(8, '0'));
  }
}

/** What a pair of loopback sockets may hold, and pipes between streams: the system's own, not ours. */
const systemBytes = 16 * 1024 * 1024;

for (const [name, askThrough] of Object.entries(fronts)) {
  describe(`through ${name}, a client that`, () => {
    it('reads nothing: its program is done, and its seat free, long before it has read', async (t) => {
      const pieces = 256;
      const { gateway, wrote } = writer(t, pieces, {});
      const reader = await askThrough(t, gateway.handle);
      await until(() => wrote.hasEnded, 'the program has written all');
      assert.equal(gateway.active, 1);
      reader.resume();
      await until(() => reader.isClosed());
      assertWhole(reader.body(), pieces);
      assert.equal(gateway.active, 0);
    });

    it('reads nothing of an endless answer: the program waits', async (t) => {
      const { gateway, wrote } = writer(t, Number.POSITIVE_INFINITY, { answerSpoolBytes: 4 * 1024 * 1024 });
      const reader = await askThrough(t, gateway.handle);
      await until(() => wrote.pieces * pieceBytes > 4 * 1024 * 1024);
      let before = -1;
      while (before !== wrote.pieces) {
        before = wrote.pieces;
        await wait(400);
      }
      const most = 4 * 1024 * 1024 + 2 * 1024 * 1024 + systemBytes;
      assert.ok(wrote.pieces * pieceBytes < most, `${wrote.pieces * pieceBytes} bytes were written to nobody`);
      reader.resume();
      await until(() => wrote.pieces > before + 100, 'it goes on when the client reads');
    });

    it('reads in bursts: gets every byte, in its order', async (t) => {
      const pieces = 256;
      const { gateway } = writer(t, pieces, { answerSpoolBytes: 2 * 1024 * 1024 });
      const reader = await askThrough(t, gateway.handle);
      for (let burst = 0; !reader.isClosed() && burst < 400; burst += 1) {
        reader.resume();
        await wait(burst % 3 === 0 ? 1 : 8);
        reader.pause();
        await wait(burst < 4 ? 150 : 10);
      }
      reader.resume();
      await until(() => reader.isClosed());
      assertWhole(reader.body(), pieces);
    });

    it('takes nothing for writeTimeout: is closed, whatever waits, and its program stopped (rule 23)', async (t) => {
      const { gateway, backend, access } = writer(t, Number.POSITIVE_INFINITY, {
        writeTimeoutMs: 600,
        answerSpoolBytes: 1024 * 1024,
      });
      const reader = await askThrough(t, gateway.handle);
      await until(() => backend.aborted === 1, 'the program is stopped');
      assert.equal(access[0]?.outcome, 'aborted');
      reader.resume();
      await until(() => reader.isClosed());
    });

    it('reads slowly, but reads: outlives writeTimeout many times', async (t) => {
      const pieces = 256;
      const { gateway, access } = writer(t, pieces, { writeTimeoutMs: 800, answerSpoolBytes: 1024 * 1024 });
      const reader = await askThrough(t, gateway.handle);
      const startedAt = performance.now();
      while (performance.now() - startedAt < 3_000) {
        reader.resume();
        await wait(2);
        reader.pause();
        await wait(60);
      }
      reader.resume();
      await until(() => reader.isClosed());
      assertWhole(reader.body(), pieces);
      assert.equal(access[0]?.outcome, 'complete');
    });
  });
}

describe('a web server behind a FastCGI front that reads nothing', () => {
  async function ask(t: TestContext, siteTimeoutMs: number, frontTimeoutMs: number) {
    const { gateway, backend } = writer(t, Number.POSITIVE_INFINITY, {
      writeTimeoutMs: siteTimeoutMs,
      answerSpoolBytes: 1024 * 1024,
    });
    const limits = { writeTimeoutMs: frontTimeoutMs };
    const front = await listenFastcgi({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { handler: gateway.handle, limits });
    t.after(() => front.destroy());
    const peer = await FastcgiPeer.connect(t, front.address?.kind === 'tcp' ? front.address.port : 0);
    peer.raw.socket.pause();
    peer.request(1, { REQUEST_URI: '/app/', HTTP_HOST: 'a' }, { keep: true });
    return { front, backend };
  }

  it("is closed after the site's writeTimeout, whatever the front's own limit is", async (t) => {
    const { front, backend } = await ask(t, 600, 3_600_000);
    await until(() => backend.aborted === 1, 'the program is stopped');
    await until(() => front.connections === 0, 'its connection is closed though it never read on');
  });

  it('is kept for as long as the site allows, though the front alone would have closed it', async (t) => {
    const { front, backend } = await ask(t, 0, 200);
    // Longer than two looks of the front at its connections.
    await wait(2_500);
    assert.deepEqual([front.connections, backend.aborted], [1, 0]);
  });
});
