// Damaged streams against the application side of a connection: whatever comes, it answers or closes, and holds no more than its limits.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { ServerConnection } from '../../src/fastcgi-server/server-connection.ts';
import { defaultServerLimits } from '../../src/fastcgi-server/server-limits.ts';
import type { CgiRequest, CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';
import { DATA, RecordReader, STDIN } from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { FakeClock } from '../support/fake-clock.ts';

const STREAMS = 5_000;

/** A socket without a system. */
class MemorySocket extends Duplex {
  readonly written: Buffer[] = [];
  setNoDelay(): this {
    return this;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

/** Numbers that look random and are the same in each run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Three requests on one connection, of the three roles. */
function wholeStream(): Buffer {
  const writer = new RecordWriter();
  writer.getValues(['FCGI_MPXS_CONNS']);
  for (const [id, role] of [
    [1, 'responder'],
    [2, 'authorizer'],
    [3, 'filter'],
  ] as const) {
    writer.begin(id, role, true);
    writer.params(id, { REQUEST_METHOD: 'POST', REQUEST_URI: `/${id}`, CONTENT_LENGTH: '4', FCGI_DATA_LENGTH: '3' });
  }
  writer.text(STDIN, 1, 'ab');
  writer.text(STDIN, 3, 'abcd');
  writer.text(STDIN, 1, 'cd');
  writer.end(STDIN, 1);
  writer.end(STDIN, 3);
  writer.text(DATA, 3, 'xyz');
  writer.end(DATA, 3);
  return writer.take();
}

/** Changes a few bytes, and sometimes cuts, doubles or moves a part. */
function mutate(bytes: Buffer, next: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  for (let count = 1 + next(4); count > 0; count -= 1) copy[next(copy.length)] = next(256);
  const from = next(copy.length);
  const to = from + next(copy.length - from);
  const kind = next(6);
  if (kind === 0) return copy.subarray(0, to);
  if (kind === 1) return Buffer.concat([copy.subarray(0, to), copy.subarray(from)]);
  if (kind === 2) return Buffer.concat([copy.subarray(0, from), copy.subarray(to)]);
  return copy;
}

/** Reads the whole body, and answers; a body that fails is a failed request. */
function echo(request: CgiRequest, sink: CgiSink): Exchange {
  const input = request.body?.stream();
  const end = (): void => {
    sink.head({ status: 200, reason: '', headers: [] });
    sink.write(Buffer.from('fine'));
    sink.end();
  };
  if (request.role === 'authorizer' || input === undefined) end();
  else {
    input.on('error', () => sink.fail(new PosternError('BODY_INCOMPLETE', 'test')));
    input.on('end', end);
    input.resume();
  }
  return { resume: () => {}, abort: () => {} };
}

describe('ServerConnection, damaged streams', () => {
  it(`answers or closes for ${STREAMS} of them, and what it writes is always whole records`, async () => {
    const next = numbers(20_260_101);
    const whole = wholeStream();
    let closed = 0;
    for (let index = 0; index < STREAMS; index += 1) {
      const clock = new FakeClock();
      const socket = new MemorySocket({ allowHalfOpen: true });
      const connection = new ServerConnection(socket as unknown as Socket, {
        run: echo,
        limits: defaultServerLimits,
        clock,
        isLast: false,
        saysOk: true,
        onClose: (_, error) => {
          closed += 1;
          assert.ok(error === null || error instanceof PosternError);
        },
      });
      connection.start();
      const bytes = mutate(whole, next);
      for (let at = 0; at < bytes.length && !socket.destroyed; ) {
        const end = at + 1 + next(bytes.length);
        socket.push(bytes.subarray(at, end));
        at = end;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setImmediate(resolve));
      const reader = new RecordReader({ content: () => {}, closed: () => {}, control: () => {} });
      for (const chunk of socket.written) reader.push(chunk);
      assert.ok(reader.isBetweenRecords, `stream ${index} was answered with half a record`);
      // What still waits is given up when its time is over.
      for (const seconds of [15, 70, 700, 5]) {
        clock.advance(seconds * 1_000);
        connection.check(clock.now());
      }
      assert.equal(connection.size, 0, `stream ${index} left a request`);
      connection.destroy(null);
    }
    assert.equal(closed, STREAMS);
  });
});
