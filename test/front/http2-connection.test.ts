// A connection of HTTP/2 with a client that takes and sends just what a test says, while the time passes that a test says.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpHandler } from '../../src/gateway/message.ts';
import { HeldHttp2, turn } from '../support/http2-connection.ts';
import { flags, headers, ping, request, settingIds, settings, types, windowUpdate } from '../support/http2-frames.ts';

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
