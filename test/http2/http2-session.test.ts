// A session of HTTP/2 as a function of bytes: however they are cut it does the same, whatever they are it throws nothing, and it keeps to the windows.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeStatus } from '../../src/http2/hpack-encoder.ts';
import {
  continuation,
  data,
  flags,
  frame as frameOf,
  headers,
  literals,
  ping,
  preface,
  request,
  reset,
  settingIds,
  settings,
  settingsAck,
  types,
  windowUpdate,
} from '../support/http2-frames.ts';
import { RecordedSession } from '../support/http2-session.ts';
import fc from '../support/seeded-fast-check.ts';

const { END_HEADERS, END_STREAM } = flags;
const greeting = Buffer.concat([Buffer.from(preface), settings()]);

/** A frame that a client may send at some time. */
const stream = fc.integer({ min: 0, max: 6 }).map((at) => at * 2 + 1);
const frame = fc.oneof(
  stream.map((id) => headers(id, request('GET', `/${id}`))),
  stream.map((id) => headers(id, request('POST', '/p'), END_HEADERS)),
  stream.map((id) =>
    Buffer.concat([headers(id, request().subarray(0, 9), END_STREAM), continuation(id, request().subarray(9))]),
  ),
  fc
    .tuple(stream, fc.integer({ min: 0, max: 3_000 }), fc.constantFrom(0, END_STREAM))
    .map(([id, size, flag]) => data(id, 'x'.repeat(size), flag)),
  stream.map((id) => reset(id)),
  fc.tuple(fc.constantFrom(0, 1, 3), fc.integer({ min: 1, max: 70_000 })).map(([id, more]) => windowUpdate(id, more)),
  fc.constantFrom(ping(), settings(), settingsAck, settings([[settingIds.INITIAL_WINDOW_SIZE, 10]])),
);

function play(pieces: Iterable<Buffer>): RecordedSession {
  const recorded = new RecordedSession();
  for (const piece of pieces) recorded.session.receive(piece);
  return recorded;
}

describe('a session of HTTP/2', () => {
  it('does the same however its bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), (frames, size) => {
        const all = Buffer.concat([greeting, ...frames]);
        const pieces: Buffer[] = [];
        for (let at = 0; at < all.length; at += size) pieces.push(all.subarray(at, at + size));
        const [whole, cut] = [play([all]), play(pieces)];
        // A body comes in the frames that it was sent in.
        assert.deepEqual(cut.events, whole.events);
        assert.deepEqual(cut.frames, whole.frames);
      }),
      { numRuns: 300 },
    );
  });

  it('throws nothing, and holds little, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            frame,
            fc.uint8Array({ maxLength: 60 }).map((one) => Buffer.from(one)),
          ),
        ),
        (frames) => {
          const recorded = play([greeting, ...frames]);
          assert.ok(recorded.streams.size <= 16);
          assert.ok(!recorded.events.some((event) => event === 'failed: 2'), String(recorded.fault));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('sends no more than the windows of its client have, and all of it in the end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 120_000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 80_000 }),
        (sizes, window) => {
          const recorded = new RecordedSession(false);
          recorded.session.receive(Buffer.concat([greeting, settings([[settingIds.INITIAL_WINDOW_SIZE, window]])]));
          for (const [at] of sizes.entries()) recorded.session.receive(headers(at * 2 + 1, request()));
          for (const [id, one] of [...recorded.streams]) {
            one.head(encodeStatus(200), false);
            one.end(Buffer.alloc(sizes[(id - 1) / 2]!, 'b'));
          }
          const sent = (id: number): number =>
            recorded.frames.reduce(
              (sum, one) => sum + (one.type === types.DATA && one.stream === id ? one.payload.length : 0),
              0,
            );
          const total = (): number => sizes.reduce((sum, _, at) => sum + sent(at * 2 + 1), 0);
          for (const [at, size] of sizes.entries()) assert.ok(sent(at * 2 + 1) <= Math.min(window, size));
          assert.ok(total() <= 65_535);
          assert.equal(
            total(),
            Math.min(
              65_535,
              sizes.reduce((sum, size) => sum + Math.min(window, size), 0),
            ),
          );
          recorded.session.receive(windowUpdate(0, 1_000_000));
          for (const [at] of sizes.entries()) recorded.session.receive(windowUpdate(at * 2 + 1, 200_000));
          for (const [at, size] of sizes.entries()) assert.equal(sent(at * 2 + 1), size);
          assert.equal(recorded.streams.size, 0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('sends all in the end, and each in its order, however full its socket and the windows of its client were meanwhile', () => {
    const stream = fc.integer({ min: 0, max: 3 });
    const moves = fc.array(
      fc.oneof(
        fc.record({ does: fc.constant('writes' as const), stream, bytes: fc.integer({ min: 1, max: 60_000 }) }),
        fc.record({ does: fc.constant('opens' as const), stream, bytes: fc.integer({ min: 1, max: 50_000 }) }),
        fc.record({ does: fc.constantFrom('fills' as const, 'drains' as const, 'opens all' as const) }),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(moves, (moves) => {
        const recorded = new RecordedSession(false);
        recorded.session.receive(Buffer.concat([greeting, settings([[settingIds.INITIAL_WINDOW_SIZE, 20_000]])]));
        const written = [0, 1, 2, 3].map(() => [] as Buffer[]);
        for (const at of written.keys()) recorded.session.receive(headers(at * 2 + 1, request()));
        const streams = [...recorded.streams.values()];
        for (const one of streams) one.head(encodeStatus(200), false);
        for (const [at, move] of moves.entries()) {
          const before = recorded.sentBytes;
          const saidFull = recorded.saidFull;
          if (move.does === 'writes') {
            const bytes = Buffer.alloc(move.bytes, at + 1);
            written[move.stream]!.push(bytes);
            streams[move.stream]!.write(bytes);
          } else if (move.does === 'opens') recorded.session.receive(windowUpdate(move.stream * 2 + 1, move.bytes));
          else if (move.does === 'opens all') recorded.session.receive(windowUpdate(0, 100_000));
          else if (move.does === 'fills') recorded.isFull = true;
          else recorded.drain();
          if (saidFull && move.does !== 'drains') assert.equal(recorded.sentBytes, before);
        }
        recorded.drain();
        for (const one of streams) one.end(Buffer.alloc(0));
        recorded.session.receive(windowUpdate(0, 3_000_000));
        for (const at of written.keys()) recorded.session.receive(windowUpdate(at * 2 + 1, 2_000_000));
        for (const [at, pieces] of written.entries()) {
          const sent = recorded.frames.filter((one) => one.type === types.DATA && one.stream === at * 2 + 1);
          assert.ok(Buffer.concat(sent.map((one) => one.payload)).equals(Buffer.concat(pieces)));
        }
        assert.equal(recorded.streams.size, 0);
      }),
      { numRuns: 200 },
    );
  });

  it('gives what was read back to its client, of streams that are reset, too', () => {
    const recorded = new RecordedSession();
    recorded.session.receive(greeting);
    for (let id = 1; id < 400; id += 2) {
      recorded.session.receive(headers(id, request('POST'), END_HEADERS));
      for (let piece = 0; piece < 3; piece += 1) recorded.session.receive(data(id, 'x'.repeat(16_000)));
      recorded.session.receive(id % 4 === 1 ? reset(id) : data(id, '', END_STREAM));
    }
    assert.equal(recorded.fault, null);
    const given = recorded.frames.filter((one) => one.type === types.WINDOW_UPDATE && one.stream === 0);
    const bytes = given.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    assert.ok(bytes + 131_072 >= 200 * 48_000);
  });

  it('takes what comes late of requests that it did not take, or has reset, and counts it', () => {
    const trailer = (id: number): Buffer => headers(id, literals(['x-late', '1']));
    const left = new RecordedSession(false);
    left.session.receive(Buffer.concat([greeting, headers(1, request())]));
    left.session.leave();
    left.session.receive(Buffer.concat([headers(3, request('POST'), END_HEADERS), data(3, 'abc'), trailer(3)]));
    assert.equal(left.fault, null);
    const many = new RecordedSession(false);
    many.session.receive(greeting);
    for (let id = 1; id < 400; id += 2) many.session.receive(headers(id, request('POST', 'bad'), END_HEADERS));
    const before = many.events.length;
    many.session.receive(Buffer.concat([trailer(3), trailer(399)]));
    assert.equal(many.fault, null);
    assert.deepEqual(many.events.slice(before), ['wasted', 'wasted']);
  });

  it('knows streams that no client opens, whatever came before', () => {
    for (const wrong of [data(2, 'x'), windowUpdate(2, 1), reset(2)]) {
      const recorded = play([greeting, headers(5, request()), wrong]);
      assert.equal(recorded.fault?.code, 1);
    }
  });

  it('tells nothing more after its end within a piece', () => {
    const recorded = new RecordedSession();
    recorded.session.receive(greeting);
    recorded.controlled = () => recorded.session.end(11);
    recorded.session.receive(Buffer.concat([ping(), frameOf(types.DATA, 0, 1, Buffer.alloc(0), 0xffffff)]));
    assert.equal(recorded.fault, null);
  });

  it('lets streams have their turns', () => {
    const recorded = new RecordedSession(false);
    recorded.session.receive(Buffer.concat([greeting, settings([[settingIds.INITIAL_WINDOW_SIZE, 1_000_000]])]));
    recorded.session.receive(Buffer.concat([headers(1, request()), headers(3, request())]));
    for (const one of [...recorded.streams.values()]) {
      one.head(encodeStatus(200), false);
      one.end(Buffer.alloc(500_000));
    }
    recorded.session.receive(windowUpdate(0, 200_000));
    const order = recorded.frames.filter(({ type }) => type === types.DATA).map((one) => one.stream);
    const last = order.slice(-6);
    assert.deepEqual(last, last.at(0) === 1 ? [1, 3, 1, 3, 1, 3] : [3, 1, 3, 1, 3, 1]);
  });
});
