// What a client of HTTP/2 may cost: each limit met by a client that goes beyond it, while another one is served.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClientLimits } from '../../src/front/client-limits.ts';
import type { Http1Options } from '../../src/front/http1.ts';
import type { HttpAnswer, HttpHandler } from '../../src/gateway/message.ts';
import { caseHandler, startHttp2 } from '../conformance/http2-cases.ts';
import {
  codes,
  continuation,
  data,
  flags,
  headers,
  literals,
  ping,
  preface,
  priority,
  request,
  reset,
  settingIds,
  settings,
  types,
  windowUpdate,
} from '../support/http2-frames.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { listening } from '../support/recording-answer.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

const { END_HEADERS, END_STREAM } = flags;
const noLimits = { maxConnections: 1_000, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 10 };
const get = headers(1, request());
const slow = (stream: number): Buffer => headers(stream, request('GET', '/slow'));

/** A front with what is told of it, and one client that must be served whatever the others do. */
async function start(t: TestContext, options: Partial<Http1Options> = {}, limits: Partial<typeof noLimits> = {}) {
  const log = new RecordingLog();
  const clients = new ClientLimits({ ...noLimits, ...limits });
  const { front, port } = await startHttp2(t, { clients, log, ...options });
  const other = async (): Promise<void> => {
    const peer = await Http2Peer.open(t, port);
    peer.send(get);
    assert.equal(await peer.answer(), '200');
    peer.client.socket.destroy();
  };
  return { front, port, log, clients, other };
}

/** Sends pieces one after another until the connection ends. */
async function sendUntilEnd(peer: Http2Peer, piece: (round: number) => readonly Buffer[]): Promise<number> {
  let rounds = 0;
  for (; !peer.hasEnded && rounds < 200_000; rounds += 1) {
    peer.send(...piece(rounds));
    if (peer.client.socket.writableNeedDrain) await new Promise((resolve) => setTimeout(resolve, 5));
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return rounds;
}

const hundred = <T>(make: (index: number) => T): T[] => Array.from({ length: 100 }, (_, index) => make(index));

/** Floods: what is sent again and again, what is known of the end of the connection, and what the log says. */
const floods: readonly (readonly [what: string, piece: (round: number) => readonly Buffer[], log: RegExp])[] = [
  [
    'resets of requests that it began (CVE-2023-44487)',
    (round) => [slow(round * 2 + 1), reset(round * 2 + 1)],
    /reset more than 400 requests/,
  ],
  [
    'the same, a hundred in one piece',
    (round) => hundred((index) => [slow((round * 100 + index) * 2 + 1), reset((round * 100 + index) * 2 + 1)]).flat(),
    /was closed/,
  ],
  ['pings (CVE-2019-9512)', () => hundred(() => ping('12345678')), /more than 400 pings and settings/],
  [
    'settings (CVE-2019-9515)',
    () => hundred(() => settings([[settingIds.INITIAL_WINDOW_SIZE, 65_535]])),
    /more than 400 pings and settings/,
  ],
  [
    'DATA of no bytes (CVE-2019-9518)',
    (round) => (round === 0 ? [headers(1, request('POST', '/slow'), END_HEADERS)] : hundred(() => data(1, ''))),
    /more than 400 frames of a body that hold nothing/,
  ],
  [
    'CONTINUATION (CVE-2024-27316)',
    (round) =>
      round === 0 ? [headers(1, request(), END_STREAM)] : [continuation(1, literals(['x-name', 'y'.repeat(8_000)]), 0)],
    /CONTINUATION/,
  ],
  [
    'WINDOW_UPDATE',
    (round) => (round === 0 ? [slow(1)] : hundred(() => Buffer.concat(hundred(() => windowUpdate(1, 1))))),
    /neither fields nor a body/,
  ],
  [
    'PRIORITY (CVE-2019-9513)',
    () => hundred(() => Buffer.concat(hundred(() => priority(1)))),
    /neither fields nor a body/,
  ],
  [
    'a body above the length that it told (CVE-2025-8671)',
    (round) => [
      headers(round * 2 + 1, request('POST', '/slow', ['content-length', '1']), END_HEADERS),
      data(round * 2 + 1, 'abc'),
    ],
    /was closed/,
  ],
];

describe('a client of HTTP/2 that floods', () => {
  for (const [what, piece, words] of floods) {
    it(`is closed, with a line and a count: ${what}`, async (t) => {
      const { port, log, clients, other } = await start(t);
      const peer = await Http2Peer.open(t, port);
      await sendUntilEnd(peer, piece);
      assert.ok(peer.hasEnded, 'the connection goes on');
      await until(
        () => log.matching(words).length === 1,
        () => JSON.stringify(log.records.slice(0, 5)),
      );
      assert.equal(log.matching(words)[0]!.level, 'warn');
      assert.equal(clients.hits.http2, 1);
      await other();
    });
  }

  for (const [what, begun] of [
    ['requests that it began', (stream: number) => slow(stream)],
    ['answers of which it has taken nothing', (stream: number) => headers(stream, request())],
  ] as const) {
    it(`is closed whatever code its resets have: of ${what}`, async (t) => {
      const { port, log, clients, other } = await start(t);
      const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]));
      let sent = 0;
      while (!peer.hasEnded && sent < 5_000) {
        const streams = Array.from({ length: 50 }, (_, index) => (sent + index) * 2 + 1);
        sent += streams.length;
        peer.send(...streams.map(begun));
        await peer.isAlive();
        peer.send(...streams.map((stream) => reset(stream, codes.NO_ERROR)));
        await peer.isAlive();
      }
      assert.ok(sent < 1_000, 'it was not closed for its resets');
      assert.equal(log.matching(/reset more than 400 requests/).length, 1);
      assert.equal(clients.hits.http2, 1);
      await other();
    });
  }

  it('is none that asks for much and takes it all, whatever its answers are', async (t) => {
    const { port, clients } = await start(t);
    const peer = await Http2Peer.open(t, port);
    const asks = [
      ['GET', '/'],
      ['HEAD', '/'],
      ['GET', '/204'],
      ['POST', '/unread'],
    ] as const;
    for (let sent = 0; sent < 600; sent += 100) {
      const streams = hundred((index) => (sent + index) * 2 + 1);
      const flag = (method: string): number => (method === 'POST' ? END_HEADERS : END_HEADERS | END_STREAM);
      const ask = asks.map(([method, path]) => [request(method, path), flag(method)] as const);
      peer.send(...streams.map((stream, at) => headers(stream, ...ask[at % ask.length]!)));
      await peer.until(() => streams.every((stream) => peer.isWhole(stream)));
    }
    assert.ok(await peer.isAlive());
    assert.equal(clients.hits.http2, 0);
  });

  it('is told to keep calm, where it is us who noticed', async (t) => {
    const { port } = await start(t);
    const peer = await Http2Peer.open(t, port);
    await sendUntilEnd(peer, () => [ping('12345678')]);
    assert.equal(await peer.ended(), 'ENHANCE_YOUR_CALM');
  });

  it('fills no log: one line for many of them', async (t) => {
    const { port, log, clients } = await start(t);
    for (let count = 0; count < 5; count += 1) {
      const peer = await Http2Peer.open(t, port);
      peer.send(data(0, 'x'));
      await peer.ended();
    }
    await until(() => clients.hits.http2 === 5);
    assert.equal(log.matching(/was closed/).length, 1);
  });

  it('is none that takes back a page with a hundred requests, again and again after a while', async (t) => {
    const { port, clients } = await start(t);
    const peer = await Http2Peer.open(t, port);
    for (let page = 0; page < 3; page += 1) {
      const streams = hundred((index) => (page * 100 + index) * 2 + 1);
      peer.send(...streams.map(slow));
      assert.ok(await peer.isAlive());
      peer.send(...streams.map((stream) => reset(stream)));
      assert.ok(await peer.isAlive());
    }
    peer.send(headers(1_001, request()));
    assert.equal(await peer.answer(1_001), '200');
    assert.equal(clients.hits.http2, 0);
  });
});

describe('a client of HTTP/2 that is slow', () => {
  it('has its connection closed where no request comes in time, or a head that does not end', async (t) => {
    const { port, other } = await start(t, { limits: { headTimeoutMs: 300 } });
    for (const sent of [[], [headers(1, request(), END_STREAM)]]) {
      const peer = await Http2Peer.open(t, port);
      peer.send(...sent);
      assert.equal(await peer.ended(), 'NO_ERROR');
    }
    await other();
  });

  it('has a moment for its first bytes, too', async (t) => {
    const { port } = await start(t, { limits: { headTimeoutMs: 300 } });
    const peer = await Http2Peer.connect(t, port);
    peer.send(Buffer.from(preface).subarray(0, 10));
    await peer.client.untilEnd();
    assert.deepEqual(peer.frames, []);
  });

  it('has its body cut where nothing comes of it', async (t) => {
    const { port } = await start(t, { limits: { bodyTimeoutMs: 300 } });
    const peer = await Http2Peer.open(t, port);
    peer.send(headers(1, request('POST'), END_HEADERS), data(1, 'a'));
    assert.equal(await peer.answer(1), '400');
    assert.ok(await peer.isAlive());
  });

  it('has its request reset when it takes nothing of an answer, and the others go on', async (t) => {
    let gone = 0;
    const handler: HttpHandler = (asked, answer) => {
      answer.listener = { ...listening({ gone: () => (gone += 1) }), writeTimeoutMs: 500 };
      caseHandler(asked, answer);
    };
    const { port, log, clients } = await start(t, { handler });
    const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]));
    peer.send(headers(1, request('GET', '/big')));
    await peer.until(() => peer.find(types.RST_STREAM, 1) !== undefined);
    assert.ok(!peer.isWhole(1));
    await until(() => log.matching(/an answer was given up: 127.0.0.1 took nothing/).length === 1);
    assert.equal(clients.hits.writeTimeout, 1);
    // No connection was closed.
    assert.deepEqual([log.matching(/was closed/).length, clients.hits.http2], [0, 0]);
    // Its answer had ended for the handler.
    assert.equal(gone, 0);
    peer.send(settings([[settingIds.INITIAL_WINDOW_SIZE, 65_535]]), headers(3, request()));
    assert.equal(await peer.answer(3), '200');
  });

  it('has a request reset of which it takes nothing, though it reads on in another', async (t) => {
    const handler: HttpHandler = (asked, answer) => {
      answer.listener = { ...listening({}), writeTimeoutMs: 500 };
      caseHandler(asked, answer);
    };
    const { port, log } = await start(t, { handler });
    const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]));
    peer.send(headers(1, request('GET', '/big')), headers(3, request('GET', '/big')));
    while (peer.find(types.RST_STREAM, 1) === undefined && !peer.isWhole(3)) {
      peer.send(windowUpdate(3, 1_000), windowUpdate(0, 1_000));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(peer.find(types.RST_STREAM, 1) !== undefined && !peer.isWhole(3));
    assert.equal(log.matching(/an answer was given up/).length, 1);
    peer.send(windowUpdate(3, 200_000), windowUpdate(0, 200_000));
    await peer.until(() => peer.isWhole(3));
    assert.equal(peer.body(3).length, 200_000);
  });

  it('is waited for where it takes a little now and then', async (t) => {
    const handler: HttpHandler = (asked, answer) => {
      answer.listener = { ...listening({}), writeTimeoutMs: 3_000 };
      caseHandler(asked, answer);
    };
    const { port } = await start(t, { handler });
    const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]));
    peer.send(headers(1, request('GET', '/big')));
    for (let at = 0; at < 4; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      peer.send(windowUpdate(1, 50_000), windowUpdate(0, 50_000));
    }
    await peer.until(() => peer.isWhole(1));
    assert.equal(peer.body().length, 200_000);
  });

  it('has its connection closed when its socket takes nothing', async (t) => {
    const { port, front, other } = await start(t, { limits: { writeTimeoutMs: 500 } });
    const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 0x7fffffff]]));
    peer.client.socket.pause();
    peer.send(
      windowUpdate(0, 0x7fff0000 - 65_535),
      ...hundred((index) => headers(index * 2 + 1, request('GET', '/big'))),
    );
    await until(() => front.connections === 1);
    await until(() => front.connections === 0);
    await other();
  });

  it('has its connection closed when it asks for nothing more', async (t) => {
    const { port } = await start(t, { limits: { keepAliveTimeoutMs: 300 } });
    const peer = await Http2Peer.open(t, port);
    peer.send(get);
    assert.equal(await peer.answer(), '200');
    assert.equal(await peer.ended(), 'NO_ERROR');
  });

  it('holds nothing after it has closed its side', async (t) => {
    const { port, front } = await start(t, { limits: { halfClosedTimeoutMs: 300 } });
    const peer = await Http2Peer.open(t, port);
    peer.send(slow(1));
    assert.ok(await peer.isAlive());
    peer.client.socket.end();
    await until(() => front.connections === 0);
  });
});

describe('connections of HTTP/2', () => {
  it('end after so many requests, with the last one answered', async (t) => {
    const { port, clients } = await start(t, {}, { maxRequests: 3 } as Partial<typeof noLimits>);
    const peer = await Http2Peer.open(t, port);
    peer.send(headers(1, request()), headers(3, request()));
    assert.equal(await peer.answer(3), '200');
    peer.send(headers(5, request()));
    assert.equal(await peer.answer(5), '200');
    assert.equal(await peer.ended(), 'NO_ERROR');
    assert.equal(peer.find(types.GOAWAY)!.payload.readUInt32BE(0), 5);
    assert.equal(clients.hits.maxRequests, 1);
  });

  it('are told that the front closes; what runs comes to its end, and the rest may be asked elsewhere', async (t) => {
    const waiting: HttpAnswer[] = [];
    const handler: HttpHandler = (asked, answer) => {
      if (asked.target === '/busy') waiting.push(answer);
      else caseHandler(asked, answer);
    };
    const { port, front } = await start(t, { handler });
    const [busy, idle] = [await Http2Peer.open(t, port), await Http2Peer.open(t, port)];
    busy.send(headers(1, request('GET', '/busy')));
    idle.send(headers(1, request()));
    await until(() => waiting.length === 1);
    assert.equal(await idle.answer(), '200');
    const closed = front.close(30_000);
    await busy.until(() => busy.find(types.GOAWAY) !== undefined);
    const { payload } = busy.find(types.GOAWAY)!;
    assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [1, codes.NO_ERROR]);
    assert.equal(await idle.ended(), 'NO_ERROR');
    waiting[0]!.head(200, []);
    waiting[0]!.end();
    assert.equal(await busy.answer(), '200');
    await busy.ended();
    assert.ok(busy.isWhole(1));
    await closed;
  });

  it('count as one each, and leave when their place is wanted', async (t) => {
    const { port, clients } = await start(t, {}, { maxConnections: 1 });
    const first = await Http2Peer.open(t, port);
    first.send(get);
    assert.equal(await first.answer(), '200');
    const second = await Http2Peer.connect(t, port);
    second.send(Buffer.from(preface), settings(), get);
    assert.equal(await first.ended(), 'NO_ERROR');
    assert.equal(await second.answer(), '200');
    assert.equal(clients.hits.maxConnections, 1);
  });

  it('of one client are as many as it may have', async (t) => {
    const { port, clients } = await start(t, {}, { maxConnectionsPerClient: 2 });
    const open = [await Http2Peer.open(t, port), await Http2Peer.open(t, port)];
    const third = await Http2Peer.connect(t, port);
    await third.client.untilEnd();
    assert.equal(clients.hits.maxConnectionsPerClient, 1);
    for (const peer of open) assert.ok(await peer.isAlive());
  });
});
