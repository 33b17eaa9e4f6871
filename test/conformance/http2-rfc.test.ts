// HTTP/2's connections, frames and streams as RFC 9113 has them, one case a line with its section.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  codes,
  continuation,
  data,
  flags,
  frame,
  goaway,
  headers,
  ping,
  preface,
  priority,
  request,
  reset,
  settingIds,
  settings,
  settingsAck,
  types,
  uint32,
  windowUpdate,
} from '../support/http2-frames.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { type Http2Case, runHttp2Cases, startHttp2 } from './http2-cases.ts';

const { END_HEADERS, END_STREAM, ACK, PADDED, PRIORITY } = flags;

const get = headers(1, request());
const post = (more: Parameters<typeof request>[2][] = []): Buffer =>
  headers(1, request('POST', '/', ...(more as [string, string][])), END_HEADERS);
const block = request();
const half = Math.floor(block.length / 2);
const slow = headers(1, request('GET', '/slow'));

/** A request whose block is cut in so many pieces. */
function cutHeaders(pieces: number, flag: number = END_STREAM): Buffer[] {
  const size = Math.ceil(block.length / pieces);
  return Array.from({ length: pieces }, (_, at) => {
    const piece = block.subarray(at * size, (at + 1) * size);
    const last = at === pieces - 1 ? END_HEADERS : 0;
    return at === 0 ? headers(1, piece, flag | last) : continuation(1, piece, last);
  });
}

const padded = (length: number, content: Buffer, padding: number): Buffer =>
  Buffer.concat([Buffer.from([length]), content, Buffer.alloc(padding)]);

const cases: readonly Http2Case[] = [
  // Section 3: starting
  [
    '3.4',
    'SETTINGS of the client are acknowledged',
    [settings([[settingIds.MAX_CONCURRENT_STREAMS, 10]])],
    async (peer) => {
      await peer.until(
        (frames) => frames.filter((one) => one.type === types.SETTINGS && (one.flags & ACK) !== 0).length === 2,
      );
      assert.ok(await peer.isAlive());
    },
  ],
  [
    '3.4',
    'the first frame of the server is SETTINGS',
    [],
    async (peer) => {
      assert.equal(peer.frames[0]!.type, types.SETTINGS);
      assert.equal(peer.frames[0]!.stream, 0);
      assert.equal(peer.frames[0]!.flags & ACK, 0);
    },
  ],
  ['3.4', 'a request is answered', [get], '200'],
  // Section 4: frames
  ['4.1', 'a frame of an unknown type is ignored', [frame(0x16, 0, 0, Buffer.alloc(8)), get], '200'],
  [
    '4.1',
    'a frame of an unknown type on a stream is ignored',
    [post(), frame(0x16, 0xff, 1, Buffer.alloc(8)), data(1, 'x', END_STREAM)],
    '200',
  ],
  ['4.1', 'flags without a meaning are ignored', [ping('unknownf', 0x16), get], '200'],
  ['4.1', 'the reserved bit of a stream is ignored', [frame(types.PING, 0, 0x80000000, Buffer.alloc(8)), get], '200'],
  [
    '4.1',
    'flags without a meaning of HEADERS are ignored',
    [headers(1, block, END_HEADERS | END_STREAM | 0x40 | 0x80)],
    '200',
  ],
  ['4.2', 'a DATA frame of 2^14 bytes is taken', [post(), data(1, 'x'.repeat(16_384), END_STREAM)], '200'],
  ['4.2', 'a larger DATA frame is FRAME_SIZE_ERROR', [post(), data(1, 'x'.repeat(16_385))], 'goaway FRAME_SIZE_ERROR'],
  ['4.2', 'larger HEADERS are FRAME_SIZE_ERROR', [headers(1, Buffer.alloc(16_385))], 'goaway FRAME_SIZE_ERROR'],
  [
    '4.2',
    'a larger frame of an unknown type is FRAME_SIZE_ERROR',
    [frame(0x16, 0, 0, Buffer.alloc(16_385))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '4.2',
    'larger SETTINGS are FRAME_SIZE_ERROR',
    [frame(types.SETTINGS, 0, 0, Buffer.alloc(16_386))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '4.3',
    'a block that is no HPACK is COMPRESSION_ERROR',
    [headers(1, Buffer.from('ffffffffffff', 'hex'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '4.3',
    'a block that is cut short is COMPRESSION_ERROR',
    [headers(1, block.subarray(0, half + 1))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '4.3',
    'HEADERS of another stream within a block are PROTOCOL_ERROR',
    [headers(1, block, END_STREAM), headers(3, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '4.3',
    'PRIORITY within a block is PROTOCOL_ERROR',
    [headers(1, block, END_STREAM), priority(1)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '4.3',
    'a frame of an unknown type within a block is PROTOCOL_ERROR',
    [headers(1, block, END_STREAM), frame(0x16, 0, 1)],
    'goaway PROTOCOL_ERROR',
  ],
  ['4.3', 'a block may come in eight pieces', cutHeaders(8), '200'],
  // Section 5: streams
  ['5.1', 'idle: DATA is PROTOCOL_ERROR', [data(1, 'x', END_STREAM)], 'goaway PROTOCOL_ERROR'],
  ['5.1', 'idle: RST_STREAM is PROTOCOL_ERROR', [reset(1)], 'goaway PROTOCOL_ERROR'],
  ['5.1', 'idle: WINDOW_UPDATE is PROTOCOL_ERROR', [windowUpdate(1, 100)], 'goaway PROTOCOL_ERROR'],
  ['5.1', 'idle: CONTINUATION is PROTOCOL_ERROR', [continuation(1, block)], 'goaway PROTOCOL_ERROR'],
  ['5.1', 'idle: PRIORITY is ignored', [priority(1), get], '200'],
  [
    '5.1',
    'half-closed: HEADERS are STREAM_CLOSED',
    [headers(1, request('GET', '/slow')), headers(1, block)],
    'goaway STREAM_CLOSED',
  ],
  [
    '5.1',
    'half-closed: CONTINUATION is PROTOCOL_ERROR',
    [headers(1, request('GET', '/slow')), continuation(1, block)],
    'goaway PROTOCOL_ERROR',
  ],
  ['5.1', 'half-closed: WINDOW_UPDATE is taken', [headers(1, request('GET', '/slow')), windowUpdate(1, 10)], 'alive'],
  ['5.1', 'half-closed: PRIORITY is taken', [headers(1, request('GET', '/slow')), priority(1)], 'alive'],
  [
    '5.1',
    'closed by RST_STREAM: WINDOW_UPDATE is taken',
    [headers(1, request('GET', '/slow')), reset(1), windowUpdate(1, 10)],
    'alive',
  ],
  [
    '5.1',
    'closed by RST_STREAM: PRIORITY is taken',
    [headers(1, request('GET', '/slow')), reset(1), priority(1)],
    'alive',
  ],
  [
    '5.1',
    'closed by RST_STREAM: RST_STREAM is taken',
    [headers(1, request('GET', '/slow')), reset(1), reset(1)],
    'alive',
  ],
  [
    '5.1',
    'closed by RST_STREAM: CONTINUATION is PROTOCOL_ERROR',
    [headers(1, request('GET', '/slow')), reset(1), continuation(1, block)],
    'goaway PROTOCOL_ERROR',
  ],
  ['5.1.1', 'a stream with an even number is PROTOCOL_ERROR', [headers(2, block)], 'goaway PROTOCOL_ERROR'],
  [
    '5.1.1',
    'streams may be left out',
    [headers(101, request('GET', '/slow')), headers(105, block)],
    async (peer) => {
      assert.equal(await peer.answer(105), '200');
    },
  ],
  [
    '5.3.2',
    'HEADERS with a priority are taken',
    [headers(1, Buffer.concat([uint32(0), Buffer.from([255]), block]), END_HEADERS | END_STREAM | PRIORITY)],
    '200',
  ],
  ['5.3.2', 'a priority that is exclusive is ignored', [priority(1, 0x80000000 | 3), get], '200'],
  [
    '5.4.1',
    'the end of a broken connection is told with GOAWAY and the last stream',
    [headers(5, request()), data(0, 'x')],
    async (peer) => {
      assert.equal(await peer.ended(), 'PROTOCOL_ERROR');
      assert.ok(peer.find(types.GOAWAY)!.payload.readUInt32BE(0) <= 5);
    },
  ],
  ['5.5', 'an unknown setting is ignored', [settings([[0x99, 1]]), get], '200'],
  [
    '5.5',
    'unknown settings, frames and flags are ignored together',
    [settings([[0x99, 1]]), frame(0xee, 0xff, 0, Buffer.alloc(3)), get],
    '200',
  ],
  // Section 6: definitions
  ['6.1', 'DATA on stream 0 is PROTOCOL_ERROR', [data(0, 'x')], 'goaway PROTOCOL_ERROR'],
  [
    '6.1',
    'DATA may be padded',
    [post(), data(1, padded(6, Buffer.from('abc'), 6), PADDED | END_STREAM)],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      await peer.until(() => peer.isWhole(1));
      assert.match(peer.body().toString(), /\[abc\]$/);
    },
  ],
  [
    '6.1',
    'DATA may be nothing but padding',
    [post(), data(1, padded(6, Buffer.alloc(0), 6), PADDED | END_STREAM)],
    '200',
  ],
  [
    '6.1',
    'padding that is longer than the frame is PROTOCOL_ERROR',
    [post(), data(1, padded(200, Buffer.from('abc'), 6), PADDED)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.1',
    'padding as long as the frame is PROTOCOL_ERROR',
    [post(), data(1, Buffer.from([4, 0, 0, 0]), PADDED)],
    'goaway PROTOCOL_ERROR',
  ],
  ['6.1', 'DATA of no bytes is taken', [post(), data(1, ''), data(1, 'x', END_STREAM)], '200'],
  ['6.2', 'HEADERS on stream 0 are PROTOCOL_ERROR', [headers(0, block)], 'goaway PROTOCOL_ERROR'],
  ['6.2', 'HEADERS may be padded', [headers(1, padded(9, block, 9), END_HEADERS | END_STREAM | PADDED)], '200'],
  [
    '6.2',
    'padding that is longer than HEADERS is PROTOCOL_ERROR',
    [headers(1, padded(255, block, 1), END_HEADERS | END_STREAM | PADDED)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.2',
    'HEADERS without the end of their fields are followed by CONTINUATION alone',
    [headers(1, block, END_STREAM), data(1, 'x')],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.2',
    'HEADERS with a priority that is cut short are FRAME_SIZE_ERROR',
    [headers(1, Buffer.alloc(4), END_HEADERS | PRIORITY)],
    'goaway FRAME_SIZE_ERROR',
  ],
  ['6.4', 'RST_STREAM on stream 0 is PROTOCOL_ERROR', [reset(0)], 'goaway PROTOCOL_ERROR'],
  [
    '6.4',
    'RST_STREAM of a wrong length is FRAME_SIZE_ERROR',
    [headers(1, request('GET', '/slow')), frame(types.RST_STREAM, 0, 1, Buffer.alloc(3))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '6.4',
    'RST_STREAM with an unknown code ends the stream alone',
    [headers(1, request('GET', '/slow')), reset(1, 0xffff), headers(3, block)],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
      assert.ok(await peer.isAlive());
    },
  ],
  ['6.5', 'SETTINGS may be empty', [settings(), get], '200'],
  [
    '6.5',
    'an acknowledgement with a payload is FRAME_SIZE_ERROR',
    [frame(types.SETTINGS, ACK, 0, Buffer.alloc(6))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '6.5',
    'SETTINGS on a stream are PROTOCOL_ERROR',
    [frame(types.SETTINGS, 0, 1, Buffer.alloc(6))],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.5',
    'SETTINGS of a wrong length are FRAME_SIZE_ERROR',
    [frame(types.SETTINGS, 0, 0, Buffer.alloc(5))],
    'goaway FRAME_SIZE_ERROR',
  ],
  ['6.5.2', 'ENABLE_PUSH of 2 is PROTOCOL_ERROR', [settings([[settingIds.ENABLE_PUSH, 2]])], 'goaway PROTOCOL_ERROR'],
  ['6.5.2', 'ENABLE_PUSH of 0 is taken', [settings([[settingIds.ENABLE_PUSH, 0]]), get], '200'],
  [
    '6.5.2',
    'INITIAL_WINDOW_SIZE above 2^31-1 is FLOW_CONTROL_ERROR',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 0x80000000]])],
    'goaway FLOW_CONTROL_ERROR',
  ],
  [
    '6.5.2',
    'INITIAL_WINDOW_SIZE of 2^31-1 is taken',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 0x7fffffff]]), get],
    '200',
  ],
  [
    '6.5.2',
    'MAX_FRAME_SIZE below 2^14 is PROTOCOL_ERROR',
    [settings([[settingIds.MAX_FRAME_SIZE, 16_383]])],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.5.2',
    'MAX_FRAME_SIZE above 2^24-1 is PROTOCOL_ERROR',
    [settings([[settingIds.MAX_FRAME_SIZE, 16_777_216]])],
    'goaway PROTOCOL_ERROR',
  ],
  ['6.5.2', 'MAX_FRAME_SIZE of 2^24-1 is taken', [settings([[settingIds.MAX_FRAME_SIZE, 16_777_215]]), get], '200'],
  [
    '6.5.2',
    'HEADER_TABLE_SIZE of 0 is taken',
    [settings([[settingIds.HEADER_TABLE_SIZE, 0]]), get, headers(3, block)],
    async (peer) => {
      assert.equal(await peer.answer(1), '200');
      assert.equal(await peer.answer(3), '200');
    },
  ],
  [
    '6.5.3',
    'of a setting that comes twice the last one counts',
    [
      settings([
        [settingIds.INITIAL_WINDOW_SIZE, 100],
        [settingIds.INITIAL_WINDOW_SIZE, 1],
      ]),
      get,
    ],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      await peer.until(() => peer.body().length > 0);
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 1);
    },
  ],
  [
    '6.5.3',
    'each SETTINGS is acknowledged',
    [settings(), settings(), settings()],
    async (peer) => {
      await peer.until(
        (frames) => frames.filter((one) => one.type === types.SETTINGS && (one.flags & ACK) !== 0).length === 4,
      );
      assert.ok(await peer.isAlive());
    },
  ],
  [
    '6.6',
    'PUSH_PROMISE of a client is PROTOCOL_ERROR',
    [frame(types.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), block]))],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.6',
    'PUSH_PROMISE on an open stream is PROTOCOL_ERROR',
    [headers(1, request('GET', '/slow')), frame(types.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), block]))],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.7',
    'PING is answered with its payload',
    [ping('12345678')],
    async (peer) => {
      await peer.until((frames) => frames.some(({ type }) => type === types.PING));
      const { flags: flag, payload } = peer.find(types.PING)!;
      assert.deepEqual([flag, payload.toString()], [ACK, '12345678']);
    },
  ],
  ['6.7', 'PING on a stream is PROTOCOL_ERROR', [ping('12345678', 0, 1)], 'goaway PROTOCOL_ERROR'],
  ['6.7', 'PING of 6 bytes is FRAME_SIZE_ERROR', [ping('123456')], 'goaway FRAME_SIZE_ERROR'],
  ['6.7', 'PING of 9 bytes is FRAME_SIZE_ERROR', [ping('123456789')], 'goaway FRAME_SIZE_ERROR'],
  ['6.8', 'GOAWAY on a stream is PROTOCOL_ERROR', [frame(types.GOAWAY, 0, 1, uint32(0, 0))], 'goaway PROTOCOL_ERROR'],
  [
    '6.8',
    'GOAWAY that is cut short is FRAME_SIZE_ERROR',
    [frame(types.GOAWAY, 0, 0, uint32(0))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '6.8',
    'after GOAWAY what runs comes to its end, and so does the connection',
    [get, goaway()],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      await peer.client.untilEnd();
      assert.ok(peer.isWhole(1));
    },
  ],
  [
    '6.8',
    'GOAWAY may hold words',
    [goaway(0, codes.NO_ERROR, 'good bye')],
    async (peer) => {
      assert.equal(await peer.ended(), 'NO_ERROR');
    },
  ],
  ['6.9', 'WINDOW_UPDATE of 0 on the connection is PROTOCOL_ERROR', [windowUpdate(0, 0)], 'goaway PROTOCOL_ERROR'],
  [
    '6.9',
    'WINDOW_UPDATE of a wrong length is FRAME_SIZE_ERROR',
    [frame(types.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    'goaway FRAME_SIZE_ERROR',
  ],
  [
    '6.9',
    'the reserved bit of WINDOW_UPDATE is ignored',
    [frame(types.WINDOW_UPDATE, 0, 0, uint32(0x80000001)), get],
    '200',
  ],
  [
    '6.9.1',
    'no more is sent than the window of a stream has',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 1]]), get],
    async (peer) => {
      await peer.until(() => peer.body().length > 0);
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 1);
      peer.send(windowUpdate(1, 1_000));
      await peer.until(() => peer.isWhole(1));
      assert.match(peer.body().toString(), /\[\]$/);
    },
  ],
  [
    '6.9.1',
    'no more is sent than the window of the connection has',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 500_000]]), headers(1, request('GET', '/big'))],
    async (peer) => {
      await peer.until(() => peer.body().length === 65_535);
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 65_535);
      peer.send(windowUpdate(0, 500_000));
      await peer.until(() => peer.isWhole(1));
      assert.equal(peer.body().length, 200_000);
    },
  ],
  [
    '6.9.1',
    'a window of the connection above 2^31-1 is FLOW_CONTROL_ERROR',
    [windowUpdate(0, 0x7fffffff), windowUpdate(0, 0x7fffffff)],
    'goaway FLOW_CONTROL_ERROR',
  ],
  [
    '6.9.2',
    'a change of INITIAL_WINDOW_SIZE counts for streams that are open',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]), get],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 0);
      peer.send(settings([[settingIds.INITIAL_WINDOW_SIZE, 1]]));
      await peer.until(() => peer.body().length > 0);
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 1);
    },
  ],
  [
    '6.9.2',
    'a window may be below 0, and is waited for',
    [settings([[settingIds.INITIAL_WINDOW_SIZE, 3]]), get],
    async (peer) => {
      await peer.until(() => peer.body().length === 3);
      peer.send(settings([[settingIds.INITIAL_WINDOW_SIZE, 2]]), windowUpdate(1, 2));
      await peer.until(() => peer.body().length === 4);
      assert.ok(await peer.isAlive());
      assert.equal(peer.body().length, 4);
    },
  ],
  [
    '6.9.2',
    'a change that takes a window above 2^31-1 is FLOW_CONTROL_ERROR',
    [
      headers(1, request('GET', '/slow')),
      windowUpdate(1, 0x7fff0000),
      settings([[settingIds.INITIAL_WINDOW_SIZE, 0x7fffffff]]),
    ],
    'goaway FLOW_CONTROL_ERROR',
  ],
  [
    '6.9.1',
    'more than the window of a stream is FLOW_CONTROL_ERROR',
    [
      headers(1, request('POST', '/slow'), END_HEADERS),
      ...Array.from({ length: 17 }, () => data(1, 'x'.repeat(16_384))),
    ],
    'goaway FLOW_CONTROL_ERROR',
  ],
  ['6.10', 'a block may end in CONTINUATION', cutHeaders(2), '200'],
  ['6.10', 'CONTINUATION may hold nothing', [headers(1, block, END_STREAM), continuation(1, Buffer.alloc(0))], '200'],
  [
    '6.10',
    'HEADERS may hold nothing before CONTINUATION',
    [headers(1, Buffer.alloc(0), END_STREAM), continuation(1, block)],
    '200',
  ],
  [
    '6.10',
    'CONTINUATION of another stream is PROTOCOL_ERROR',
    [headers(1, block, END_STREAM), continuation(3, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.10',
    'CONTINUATION on stream 0 is PROTOCOL_ERROR',
    [headers(1, block, END_STREAM), continuation(0, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.10',
    'CONTINUATION after the end of the fields is PROTOCOL_ERROR',
    [post(), continuation(1, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.10',
    'CONTINUATION after CONTINUATION that ended the fields is PROTOCOL_ERROR',
    [...cutHeaders(2, 0), continuation(1, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '6.10',
    'CONTINUATION after DATA is PROTOCOL_ERROR',
    [post(), data(1, 'x'), continuation(1, block)],
    'goaway PROTOCOL_ERROR',
  ],
  // Section 7: error codes
  [
    '7',
    'GOAWAY with an unknown code ends the connection',
    [goaway(0, 0xffff)],
    async (peer) => {
      await peer.client.untilEnd();
    },
  ],
  [
    '7',
    'RST_STREAM with NO_ERROR ends the stream',
    [headers(1, request('GET', '/slow')), reset(1, codes.NO_ERROR), headers(3, block)],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
    },
  ],
  ['5.1', 'half-closed: DATA is STREAM_CLOSED', [slow, data(1, 'x', END_STREAM)], 'reset STREAM_CLOSED'],
  [
    '5.1.1',
    'a stream below an earlier one is PROTOCOL_ERROR',
    [headers(5, request('GET', '/slow')), headers(3, block)],
    'goaway PROTOCOL_ERROR',
  ],
  [
    '5.1.2',
    'a stream above the limit is refused',
    [...Array.from({ length: 128 }, (_, at) => headers(at * 2 + 3, request('GET', '/slow'))), headers(259, block)],
    async (peer) => {
      assert.equal(await peer.answer(259), 'reset REFUSED_STREAM');
      assert.ok(await peer.isAlive());
    },
  ],
  [
    '6.1',
    'a padded DATA frame without a length is FRAME_SIZE_ERROR',
    [post(), data(1, '', PADDED)],
    'goaway FRAME_SIZE_ERROR',
  ],
  ['6.3', 'PRIORITY on stream 0 is PROTOCOL_ERROR', [priority(0)], 'goaway PROTOCOL_ERROR'],
  [
    '6.3',
    'PRIORITY of a wrong length is FRAME_SIZE_ERROR',
    [slow, frame(types.PRIORITY, 0, 1, Buffer.alloc(4))],
    'reset FRAME_SIZE_ERROR',
  ],
  ['6.5.3', 'an acknowledgement that nobody asked for is taken', [settingsAck], 'alive'],
  ['6.7', 'an answer to no PING is ignored', [ping('12345678', ACK)], 'alive'],
  ['6.9', 'WINDOW_UPDATE of 0 on a stream is PROTOCOL_ERROR', [slow, windowUpdate(1, 0)], 'reset PROTOCOL_ERROR'],
  [
    '6.9.1',
    'a window of a stream above 2^31-1 is FLOW_CONTROL_ERROR',
    [slow, windowUpdate(1, 0x7fffffff), windowUpdate(1, 0x7fffffff)],
    'reset FLOW_CONTROL_ERROR',
  ],
];

runHttp2Cases('HTTP/2 connections and streams (RFC 9113)', cases);

describe('HTTP/2 prefaces (RFC 9113, section 3.4)', () => {
  it('3.4: a preface that is another one is no HTTP/2', async (t) => {
    const { port } = await startHttp2(t);
    const peer = await Http2Peer.connect(t, port);
    peer.client.send('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n');
    assert.match(await peer.client.untilEnd(), /^HTTP\/1\.1 (?:400|505) /);
  });

  it('3.4: a preface that is followed by no SETTINGS is PROTOCOL_ERROR', async (t) => {
    const { port } = await startHttp2(t);
    const peer = await Http2Peer.connect(t, port);
    peer.send(Buffer.from(preface), get);
    assert.equal(await peer.ended(), 'PROTOCOL_ERROR');
  });

  it('3.4: a preface may come byte by byte, and requests before the settings of the server', async (t) => {
    const { port } = await startHttp2(t);
    const peer = await Http2Peer.connect(t, port);
    peer.client.socket.setNoDelay(true);
    for (const byte of Buffer.concat([Buffer.from(preface), settings(), get])) {
      peer.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await peer.answer(), '200');
  });

  it('3.3: HTTP/1.1 is served on the same port', async (t) => {
    const { port } = await startHttp2(t);
    const peer = await Http2Peer.connect(t, port);
    peer.client.send('PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await peer.client.untilHas('[]'), /^HTTP\/1\.1 200 /);
  });

  it('3.3: where HTTP/2 was not asked for it is not spoken', async (t) => {
    const { port } = await startHttp2(t, { h2c: null });
    const peer = await Http2Peer.connect(t, port);
    peer.send(Buffer.from(preface), settings());
    assert.match(await peer.client.untilEnd(), /^HTTP\/1\.1 (?:400|505) /);
  });
});
