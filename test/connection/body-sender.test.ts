import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { ClientConnection, type ConnectionOwner } from '../../src/connection/client-connection.ts';
import type { ConnectionOptions } from '../../src/connection/connection-options.ts';
import type { RequestBody } from '../../src/protocol/cgi/exchange.ts';
import { DATA, RecordReader, STDIN } from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { until } from '../support/until.ts';

/** Bytes that say where they are. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

/** A body in a "file" whose reads a test can look at, hold and break. */
class FileBody implements RequestBody {
  readonly bytes = null;
  readonly replayable = true;
  readonly length: number;
  readonly positions: number[] = [];
  readonly memory = new Set<ArrayBufferLike>();
  /** Awaited within each read. */
  onRead: (position: number) => Promise<void> | void = () => {};
  readonly #content: Buffer;

  constructor(content: Buffer, length = content.length) {
    this.#content = content;
    this.length = length;
  }

  stream(): Readable {
    throw new Error('nobody should need a stream');
  }

  async readAt(buffers: readonly Uint8Array[], position: number): Promise<number> {
    this.positions.push(position);
    await this.onRead(position);
    let at = position;
    for (const buffer of buffers) {
      this.memory.add(buffer.buffer);
      const part = this.#content.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
    }
    return at - position;
  }
}

/** What an application was sent, by the type and id of its records. */
class Received {
  readonly streams = new Map<string, Buffer[]>();
  readonly closed: string[] = [];
  readonly reader = new RecordReader({
    content: (type, id, chunk) => {
      const pieces = this.streams.get(`${type}/${id}`) ?? [];
      this.streams.set(`${type}/${id}`, pieces);
      pieces.push(Buffer.from(chunk));
    },
    closed: (type, id) => {
      this.closed.push(`${type}/${id}`);
      if (type === this.lastType) this.onWhole(id);
    },
    control: () => {},
  });
  lastType: number = STDIN;
  onWhole: (id: number) => void = () => {};

  body(type: number, id: number): Buffer {
    return Buffer.concat(this.streams.get(`${type}/${id}`) ?? []);
  }
}

const silent: ConnectionOwner = { released: () => {}, closed: () => {} };

/** A connection to an application that reads, and answers each request when the last of its bodies is whole. */
async function open(
  t: TestContext,
  options: Partial<ConnectionOptions> = {},
): Promise<{ connection: ClientConnection; received: Received; sockets: readonly Socket[] }> {
  const received = new Received();
  const application = await scriptedApplication((socket) => {
    socket.on('data', (chunk: Buffer) => void received.reader.push(chunk));
    received.onWhole = (id) => {
      const writer = new RecordWriter();
      writer.text(6, id, 'Content-Type: text/plain\r\n\r\nwhole');
      writer.end(6, id);
      writer.endRequest(id, 0, 0);
      socket.write(writer.take());
    };
  });
  const connection = ClientConnection.open(application.address, silent, options);
  t.after(async () => {
    connection.destroy();
    await application.close();
  });
  return { connection, received, sockets: application.sockets };
}

describe('a body that lies in a file', () => {
  it('is sent whole, whatever its length', async (t) => {
    const { connection, received } = await open(t);
    let id = 0;
    for (const length of [1, 65_528, 65_529, 8 * 65_528, 8 * 65_528 + 1, 3_000_001]) {
      const content = pattern(length);
      const sink = new RecordingSink();
      connection.run(cgiRequest({ body: new FileBody(content) }), sink, true);
      id += 1;
      assert.equal((await sink.done).body, 'whole');
      assert.ok(received.body(STDIN, id).equals(content), `${length} bytes`);
    }
  });

  it('is read at positions, so that a retry can send it again', async (t) => {
    const body = new FileBody(pattern(1_000_000));
    for (let i = 0; i < 2; i++) {
      const { connection, received } = await open(t);
      const sink = new RecordingSink();
      connection.run(cgiRequest({ body }), sink, true);
      await sink.done;
      assert.ok(received.body(STDIN, 1).equals(pattern(1_000_000)));
    }
    assert.deepEqual(
      body.positions.filter((position) => position === 0),
      [0, 0],
    );
  });

  it('is read no faster than the application reads, into one buffer once the socket has taken it', async (t) => {
    const { connection, received, sockets } = await open(t);
    // What is left to the socket while the connection does not stand is not used again.
    await until(() => sockets.length > 0 && connection.connectedAtMs !== null);
    sockets[0]!.pause();
    const body = new FileBody(pattern(8_000_000));
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body }), sink, true);
    await until(() => body.positions.length === 1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(body.positions.length, 1, 'a socket holds less than a piece');
    sockets[0]!.resume();
    await sink.done;
    assert.equal(body.memory.size, 1);
    assert.ok(received.body(STDIN, 1).equals(pattern(8_000_000)));
  });

  it('never ends STDIN when the file is shorter than the body', async (t) => {
    const { connection, received } = await open(t);
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: new FileBody(pattern(600_000), 700_000) }), sink, true);
    assert.equal((await sink.done).error?.code, 'BODY_INCOMPLETE');
    assert.match(sink.error?.message ?? '', /ended after 600000 of 700000 bytes/);
    assert.ok(!received.closed.includes(`${STDIN}/1`));
  });

  it('never ends STDIN when the file is closed or cannot be read', async (t) => {
    const { connection, received } = await open(t);
    const body = new FileBody(pattern(3_000_000));
    body.onRead = (position) => {
      if (position > 0) throw new Error('EBADF');
    };
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body }), sink, true);
    assert.equal((await sink.done).error?.code, 'BODY_INCOMPLETE');
    assert.match(sink.error?.message ?? '', /EBADF/);
    assert.ok(!received.closed.includes(`${STDIN}/1`));
    assert.equal(connection.state, 'closed');
  });

  it('is sent no further after an abort in the middle of a read', async (t) => {
    const { connection, received } = await open(t);
    const body = new FileBody(pattern(3_000_000));
    const read = Promise.withResolvers<void>();
    body.onRead = (position) => (position > 0 ? read.promise : undefined);
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest({ body }), sink, true);
    await until(() => body.positions.length === 2);
    exchange.abort();
    assert.equal(connection.state, 'closed', 'to end STDIN would make the body look whole');
    read.resolve();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(body.positions.length, 2);
    assert.deepEqual([sink.calls, received.closed.includes(`${STDIN}/1`)], [[], false]);
  });

  it('fails with ANSWER_TIMEOUT when the application does not read it', async (t) => {
    const clock = new FakeClock();
    const { connection, sockets } = await open(t, { clock, writeTimeoutMs: 1_000 });
    await until(() => sockets.length > 0 && connection.connectedAtMs !== null);
    sockets[0]!.pause();
    const body = new FileBody(pattern(3_000_000));
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body }), sink, true);
    await until(() => body.positions.length === 1);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_001);
    assert.equal((await sink.done).error?.code, 'ANSWER_TIMEOUT');
  });

  it("may be a filter's DATA, after STDIN", async (t) => {
    const { connection, received } = await open(t);
    received.lastType = DATA;
    const [body, data] = [new FileBody(pattern(600_000)), new FileBody(pattern(700_000))];
    const sink = new RecordingSink();
    connection.run(cgiRequest({ role: 'filter', body, data }), sink, true);
    assert.equal((await sink.done).body, 'whole');
    assert.ok(received.body(STDIN, 1).equals(pattern(600_000)));
    assert.ok(received.body(DATA, 1).equals(pattern(700_000)));
    assert.deepEqual(received.closed.slice(-2), [`${STDIN}/1`, `${DATA}/1`]);
  });

  it('may share its connection with another', async (t) => {
    const { connection, received } = await open(t, { maxExchanges: 2 });
    const sinks = [new RecordingSink(), new RecordingSink()];
    for (const sink of sinks) connection.run(cgiRequest({ body: new FileBody(pattern(5_000_000)) }), sink, true);
    for (const sink of sinks) assert.equal((await sink.done).body, 'whole');
    for (const id of [1, 2]) assert.ok(received.body(STDIN, id).equals(pattern(5_000_000)));
  });
});
