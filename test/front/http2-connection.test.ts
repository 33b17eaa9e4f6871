// A connection of HTTP/2 with a client that takes and sends just what a test says, while the time passes that a test says.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpHandler, IncomingBody } from '../../src/gateway/message.ts';
import { errorCodes, Http2Fault } from '../../src/http2/http2-codes.ts';
import { HeldHttp2, turn } from '../support/http2-connection.ts';
import {
  codes,
  data,
  flags,
  headers,
  ping,
  request,
  reset,
  settingIds,
  settings,
  types,
  windowUpdate,
} from '../support/http2-frames.ts';

/** Answers with 100 KB. */
const big: HttpHandler = (_request, answer) => {
  answer.head(200, []);
  answer.write(Buffer.alloc(100_000));
  answer.end();
};

const { INITIAL_WINDOW_SIZE } = settingIds;
const isWhole = (held: HeldHttp2, stream: number): boolean =>
  held.frames.some((one) => one.stream === stream && one.type === types.DATA && (one.flags & flags.END_STREAM) !== 0);
const isReset = (held: HeldHttp2, stream: number): boolean =>
  held.frames.some((one) => one.stream === stream && one.type === types.RST_STREAM);

describe('an answer of which its client takes nothing', () => {
  for (const [what, windowOfStreams, chatter] of [
    ['the connection has no room, and pings are answered', 0x7fff_ffff, () => ping()],
    ['its stream has no room, and pings are answered', 0, () => ping()],
    [
      'the connection has no room, and that of the stream comes and goes',
      0x7fff_ffff,
      (round: number) => settings([[INITIAL_WINDOW_SIZE, round % 2 === 0 ? 0 : 0x7fff_ffff]]),
    ],
  ] as const) {
    it(`is given up: ${what}`, async () => {
      const held = new HeldHttp2(big, { writeTimeoutMs: 60_000 });
      await held.greet(settings([[INITIAL_WINDOW_SIZE, windowOfStreams]]));
      await held.send(headers(1, request()), headers(3, request()));
      for (let round = 0; round < 20 && !isReset(held, 3); round += 1) {
        await held.send(chatter(round));
        held.pass(50);
      }
      assert.ok(isReset(held, 3), 'it holds its handler for ever');
      assert.ok(held.told.includes('starved'));
      assert.ok(!held.socket.destroyed);
    });
  }

  it('waits for its turn where the client takes something of another one with a small window of the connection', async () => {
    const held = new HeldHttp2(big, { writeTimeoutMs: 60_000 });
    await held.greet(settings([[INITIAL_WINDOW_SIZE, 0x7fff_ffff]]));
    const streams = Array.from({ length: 10 }, (_, index) => index * 2 + 1);
    await held.send(...streams.map((stream) => headers(stream, request())));
    for (let round = 0; round < 60; round += 1) {
      await held.send(windowUpdate(0, 16_384));
      held.pass(30);
    }
    assert.deepEqual(held.told, []);
    for (const stream of streams) assert.ok(isWhole(held, stream));
  });
});

describe('a connection of HTTP/2 that ends', () => {
  it('has the time for lingering from its last byte on, and until then that of a client that takes nothing', async () => {
    const held = new HeldHttp2(big, { lingerTimeoutMs: 1_000, writeTimeoutMs: 60_000 }, { maxRequests: 1 });
    await held.greet(settings([[INITIAL_WINDOW_SIZE, 1_000_000]]));
    await held.send(windowUpdate(0, 1_000_000));
    held.socket.takes = false;
    await held.send(headers(1, request()));
    for (let round = 0; round < 4 && !isWhole(held, 1); round += 1) {
      held.pass(40);
      held.socket.takeOne();
      await turn();
    }
    assert.ok(isWhole(held, 1));
    held.pass(40);
    assert.ok(!held.socket.destroyed, 'it was cut while the client was taking the last of it');
    held.socket.takeOne();
    await turn();
    assert.ok(held.socket.writableFinished);
    held.pass(1);
    assert.ok(!held.socket.destroyed);
    held.pass(2);
    assert.ok(held.socket.destroyed);
  });

  it('is closed where its client takes nothing of the last bytes', async () => {
    const held = new HeldHttp2(big, { lingerTimeoutMs: 1_000, writeTimeoutMs: 60_000 }, { maxRequests: 1 });
    await held.greet(settings([[INITIAL_WINDOW_SIZE, 1_000_000]]));
    await held.send(windowUpdate(0, 1_000_000));
    held.socket.takes = false;
    await held.send(headers(1, request()));
    held.pass(50);
    assert.ok(!held.socket.destroyed);
    held.pass(15);
    assert.ok(held.socket.destroyed);
  });

  it('for its manners has no more than the time for lingering', async () => {
    const held = new HeldHttp2(big, { lingerTimeoutMs: 1_000 });
    await held.greet();
    held.socket.takes = false;
    await held.send(headers(1, request()), headers(2, request()));
    assert.deepEqual(held.told, ['HEADERS on a stream that no client opens']);
    held.pass(3);
    assert.ok(held.socket.destroyed);
  });
});

describe('a request by HTTP/2', () => {
  it('whose reader throws is reset alone, with a line that tells it', async () => {
    const held = new HeldHttp2((asked, answer) => {
      if (asked.method === 'GET') return big(asked, answer);
      asked.body!.on('data', () => {
        throw new Error('of a reader');
      });
    });
    await held.greet();
    await held.send(headers(1, request('POST'), flags.END_HEADERS));
    await held.send(data(1, 'x'));
    const reset = held.frames.find((one) => one.stream === 1 && one.type === types.RST_STREAM);
    assert.equal(reset?.payload.readUInt32BE(0), codes.INTERNAL_ERROR);
    assert.equal(held.log.matching(/of a reader/)[0]?.level, 'error');
    await held.send(headers(3, request()), windowUpdate(0, 100_000), windowUpdate(3, 100_000));
    assert.ok(isWhole(held, 3));
    assert.deepEqual(held.told, []);
  });

  it('that is a HEAD and is refused has an answer without a body', async () => {
    const held = new HeldHttp2(big);
    await held.greet();
    await held.send(headers(1, request('HEAD', '/', ['expect', 'x'])), headers(3, request('HEAD', '/'.repeat(9_000))));
    for (const stream of [1, 3]) {
      const frames = held.frames.filter((one) => one.stream === stream);
      assert.deepEqual(
        frames.map(({ type }) => type),
        [types.HEADERS],
      );
      assert.ok((frames[0]!.flags & flags.END_STREAM) !== 0);
    }
  });

  it('that is read is not held up by bodies that nobody reads', async () => {
    const held = new HeldHttp2(({ target, body }) => {
      if (target === '/read') body!.on('data', () => {});
    });
    await held.greet();
    /** As a client that keeps to the windows: what it may still send, of a stream and of all. */
    const granted = (stream: number): number =>
      held.frames
        .filter((one) => one.stream === stream && one.type === types.WINDOW_UPDATE)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    let sentOfAll = 0;
    const upload = async (stream: number, path: string, bytes: number): Promise<number> => {
      await held.send(headers(stream, request('POST', path), flags.END_HEADERS));
      for (let sent = 0; sent < bytes; ) {
        const mayOfAll = 65_535 + granted(0) - sentOfAll;
        const size = Math.min(16_384, bytes - sent, 65_536 + granted(stream) - sent, mayOfAll);
        if (size === 0) return sent;
        await held.send(data(stream, Buffer.alloc(size)));
        sent += size;
        sentOfAll += size;
      }
      return bytes;
    };
    // As many as there may be but one, each as far as its window lets it.
    for (let at = 0; at < 127; at += 1) assert.equal(await upload(at * 2 + 1, '/unread', 1_000_000), 65_536);
    assert.equal(await upload(255, '/read', 1_000_000), 1_000_000);
  });

  for (const taken of [1, 20_000, 32_767, 45_000]) {
    it(`is not given up as too slow where its client has no room to send, since nobody reads on after ${taken} bytes`, async () => {
      let last: IncomingBody | null = null;
      const held = new HeldHttp2(({ body }) => {
        last = body;
      });
      await held.greet();
      await held.send(headers(1, request('POST'), flags.END_HEADERS));
      let sent = 0;
      const sendAll = async (): Promise<void> => {
        const granted = held.frames
          .filter((one) => one.stream === 1 && one.type === types.WINDOW_UPDATE)
          .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
        for (let size = 1; size > 0; sent += size) {
          size = Math.min(16_384, 65_536 + granted - sent);
          if (size > 0) await held.send(data(1, Buffer.alloc(size)));
        }
      };
      await sendAll();
      assert.equal(last!.read(taken)?.length, taken);
      await turn();
      await sendAll();
      assert.equal(isReset(held, 1), false);
      held.pass(40);
      assert.equal(last!.destroyed, false);
    });
  }

  it('may come in larger pieces once it is read, as long as few do', async () => {
    let last: IncomingBody | null = null;
    const held = new HeldHttp2(({ body }) => {
      last = body;
    });
    await held.greet();
    const granted = (stream: number): number =>
      held.frames
        .filter((one) => one.stream === stream && one.type === types.WINDOW_UPDATE)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    /** @returns what it was granted when some of its first 64 KiB were read */
    const upload = async (stream: number): Promise<number> => {
      await held.send(headers(stream, request('POST'), flags.END_HEADERS));
      for (let piece = 0; piece < 4; piece += 1) await held.send(data(stream, Buffer.alloc(16_384)));
      last!.read(40_000);
      await turn();
      return granted(stream);
    };
    const alone = await upload(1);
    assert.ok(alone > 190_000 && alone < 250_000, `${alone}`);
    // All that there is, to streams of which something was read.
    for (let at = 1; at < 20; at += 1) await upload(at * 2 + 1);
    const late = await upload(41);
    assert.ok(late > 0 && late < 50_000, `${late}`);
    await held.send(...Array.from({ length: 20 }, (_, at) => reset(at * 2 + 1)));
    const again = await upload(43);
    assert.equal(again, alone);
  });
});

describe('a session of HTTP/2 that fails by a fault of ours', () => {
  it('is an error in the log, and not told as misconduct', async () => {
    const held = new HeldHttp2(big);
    await held.greet();
    held.connection.failed(new Http2Fault(errorCodes.internalError, 'a fault of ours'));
    assert.equal(held.log.matching(/a fault of ours/)[0]?.level, 'error');
    assert.deepEqual(held.told, []);
  });
});
