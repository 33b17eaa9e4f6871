// The application side of a FastCGI connection, on the wire.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { FastcgiServer, type FastcgiServerOptions } from '../../src/fastcgi-server/fastcgi-server.ts';
import type { ServerLimits } from '../../src/fastcgi-server/server-limits.ts';
import type { CgiRequest, CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';
import { decodeValues, GET_VALUES_RESULT, PARAMS, STDIN, UNKNOWN_TYPE } from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

/** A request that the handler holds. */
interface Held {
  readonly request: CgiRequest;
  readonly sink: CgiSink;
  aborts: number;
  resumes: number;
}

interface Setting {
  readonly server: FastcgiServer;
  readonly port: number;
  readonly held: Held[];
  readonly log: RecordingLog;
}

/** A server whose handler is given, or holds each request. */
async function serve(
  t: TestContext,
  options: Partial<FastcgiServerOptions> & { readonly limits?: Partial<ServerLimits> } = {},
): Promise<Setting> {
  const held: Held[] = [];
  const log = new RecordingLog();
  const hold = (request: CgiRequest, sink: CgiSink): Exchange => {
    const one: Held = { request, sink, aborts: 0, resumes: 0 };
    held.push(one);
    return {
      resume: () => {
        one.resumes += 1;
      },
      abort: () => {
        one.aborts += 1;
      },
    };
  };
  const server = new FastcgiServer({ run: hold, log, ...options });
  await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  t.after(() => server.destroy());
  const { address } = server;
  assert.ok(address?.kind === 'tcp');
  return { server, port: address.port, held, log };
}

const nothing: Exchange = { resume: () => {}, abort: () => {} };

/** Answers at once with the path and the variable X. */
function answerAtOnce({ environment, url }: CgiRequest, sink: CgiSink): Exchange {
  sink.head({ status: 200, reason: '', headers: ['content-type', 'text/plain'] });
  sink.write(Buffer.from(`${url} ${environment.X ?? ''}`));
  sink.end();
  return nothing;
}

describe('ServerConnection, one request', () => {
  it('answers a small request in one write, whose bytes are those of the specification', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { REQUEST_URI: '/a', X: '' }, { keep: true });
    await peer.ended(1);
    const head = 'Status: 200 OK\r\ncontent-type: text/plain\r\n\r\n/a ';
    const stdout = `\x01\x06\x00\x01\x00${String.fromCharCode(head.length)}\x01\x00${head}\x00`;
    assert.equal(head.length % 8, 7, 'the padding above is one byte');
    const stdoutEnd = '\x01\x06\x00\x01\x00\x00\x00\x00';
    const end = '\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';
    assert.equal(peer.raw.received, stdout + stdoutEnd + end);
    assert.equal(peer.raw.socket.bytesRead, peer.raw.received.length);
  });

  it('keeps the connection for the next request, with the same id', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    for (const path of ['/1', '/2', '/3']) {
      peer.request(1, { REQUEST_URI: path });
      assert.match((await peer.ended(1)).stdout, new RegExp(`${path} $`));
    }
    assert.equal(peer.raw.end, 'open');
  });

  it('closes the connection after a request without KEEP_CONN', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, {}, { keep: false });
    await peer.ended(1);
    await peer.raw.untilEnd();
    assert.equal(peer.raw.end, 'ended');
  });

  it('reads a request that comes byte by byte', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.socket.setNoDelay(true);
    const bytes: Buffer[] = [];
    const real = peer.raw.socket.write;
    peer.raw.socket.write = ((chunk: Buffer) => bytes.push(chunk)) as never;
    peer.request(7, { CONTENT_LENGTH: '3' }, { stdin: 'abc' });
    peer.raw.socket.write = real;
    for (const byte of Buffer.concat(bytes)) {
      peer.raw.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => held.length === 1 && held[0]!.request.body?.bytes !== null);
    assert.equal(held[0]!.request.body?.bytes?.toString(), 'abc');
  });

  it('has no body where STDIN is closed at once, and the whole of a body that came with its request', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    peer.request(2, { CONTENT_LENGTH: '2' }, { stdin: 'ab' });
    await until(() => held.length === 2);
    assert.equal(held[0]!.request.body, null);
    assert.equal(held[1]!.request.body!.bytes!.toString(), 'ab');
  });

  it('passes STDERR of a request on, and closes it', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    await until(() => held.length === 1);
    held[0]!.sink.stderr(Buffer.from('trouble'));
    held[0]!.sink.head({ status: 404, reason: '', headers: [] });
    held[0]!.sink.end();
    const answer = await peer.ended(1);
    assert.equal(answer.stderr, 'trouble');
    assert.equal(answer.stdout, 'Status: 404 Not Found\r\n\r\n');
    assert.deepEqual(peer.order.slice(-3), ['STDOUT 1 closed', 'STDERR 1 closed', 'END_REQUEST 1']);
  });
});

describe('ServerConnection, bodies', () => {
  for (const [length, stdin] of [
    ['10', 'abc'],
    ['2', 'abc'],
    ['0', 'abc'],
  ]) {
    it(`answers 400, and calls no handler, where CONTENT_LENGTH says ${length} and STDIN has 3 bytes`, async (t) => {
      const { port, held } = await serve(t);
      const peer = await FastcgiPeer.connect(t, port);
      peer.request(1, { CONTENT_LENGTH: length! }, { stdin: stdin! });
      assert.match((await peer.ended(1)).stdout, /^Status: 400 /);
      assert.equal(held.length, 0);
    });
  }

  it('a body that turns out shorter than CONTENT_LENGTH never ends normally', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { CONTENT_LENGTH: '10' }, { stdin: null });
    await until(() => held.length === 1);
    const read = held[0]!.request.body!.stream().toArray();
    peer.send((writer) => {
      writer.text(STDIN, 1, 'abc');
      writer.end(STDIN, 1);
    });
    await assert.rejects(read, { code: 'BODY_INCOMPLETE' });
    assert.equal(held[0]!.request.body!.bytes, null);
  });

  it('a body that turns out longer than CONTENT_LENGTH is an error, not a shorter body', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { CONTENT_LENGTH: '2' }, { stdin: null });
    await until(() => held.length === 1);
    const read = held[0]!.request.body!.stream().toArray();
    peer.send((writer) => writer.text(STDIN, 1, 'abc'));
    await assert.rejects(read, { code: 'BAD_REQUEST' });
  });

  it('a body whose web server goes away fails', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { CONTENT_LENGTH: '10' }, { stdin: null });
    await until(() => held.length === 1);
    const read = held[0]!.request.body!.stream().toArray();
    peer.raw.socket.destroy();
    await assert.rejects(read);
    assert.equal(held[0]!.aborts, 1);
  });

  it('stops reading from a web server while a body is unread, and goes on when it is read', async (t) => {
    const { port, held } = await serve(t, { limits: { maxUnreadBytes: 1_000 } });
    const peer = await FastcgiPeer.connect(t, port);
    const size = 8_000_000;
    peer.request(1, { CONTENT_LENGTH: String(size) }, { stdin: 'x'.repeat(size) });
    await until(() => held.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(peer.raw.socket.writableLength > 0 || peer.raw.socket.bytesWritten > 0);
    const body = held[0]!.request.body as unknown as { readonly unreadBytes: number };
    assert.ok(body.unreadBytes < 200_000, `${body.unreadBytes} bytes are kept`);
    let length = 0;
    for await (const chunk of held[0]!.request.body!.stream()) length += (chunk as Buffer).length;
    assert.equal(length, size);
  });

  it('closes the connection after an answer that came before the body', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { CONTENT_LENGTH: '10' }, { stdin: null });
    await peer.ended(1);
    await peer.raw.untilEnd();
    assert.equal(peer.raw.end, 'ended');
  });

  it('keeps the connection after an answer that came before the end of an empty STDIN', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, {}, { stdin: null });
    await peer.ended(1);
    peer.send((writer) => writer.end(STDIN, 1));
    for (const stdin of [null, 'abc']) {
      peer.request(2, stdin === null ? {} : { CONTENT_LENGTH: '3' }, { stdin });
      await peer.ended(2);
    }
    assert.equal(peer.raw.end, 'open');
  });

  it('closes the connection after an answer within a STDIN whose length was not announced', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.send((writer) => {
      writer.begin(1, 'responder', true);
      writer.params(1, { REQUEST_METHOD: 'POST' });
      writer.text(STDIN, 1, 'abc');
    });
    await peer.ended(1);
    await peer.raw.untilEnd();
    assert.equal(peer.raw.end, 'ended');
  });

  it('closes the connection after an abort within PARAMS', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.send((writer) => {
      writer.begin(1, 'responder', true);
      writer.text(PARAMS, 1, '\x01\x01ab');
      writer.abort(1);
    });
    await peer.ended(1);
    await peer.raw.untilEnd();
    assert.equal(peer.raw.end, 'ended');
  });

  it('gives a filter its DATA after STDIN', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { FCGI_DATA_LENGTH: '4' }, { role: 'filter', stdin: '', data: 'file' });
    await until(() => held.length === 1);
    assert.equal(held[0]!.request.role, 'filter');
    assert.equal(Buffer.concat(await held[0]!.request.data!.stream().toArray()).toString(), 'file');
  });
});

describe('ServerConnection, several requests on one connection', () => {
  it('runs them at the same time, and they end in any order', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    for (const id of [1, 2, 3]) peer.request(id, { REQUEST_URI: `/${id}` });
    await until(() => held.length === 3);
    for (const index of [2, 0, 1]) {
      held[index]!.sink.head({ status: 200, reason: '', headers: [] });
      held[index]!.sink.write(Buffer.from(held[index]!.request.url));
      held[index]!.sink.end();
      const { stdout } = await peer.ended(index + 1);
      assert.match(stdout, new RegExp(`/${index + 1}$`));
    }
  });

  it('answers OVERLOADED above maxExchanges, ignores what still comes of that request, and serves the others', async (t) => {
    const { port, held } = await serve(t, { limits: { maxExchanges: 1 } });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    peer.request(2, {}, { stdin: 'body' });
    assert.deepEqual((await peer.ended(2)).end, { appStatus: 0, protocolStatus: 2 });
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    held[0]!.sink.end();
    assert.equal((await peer.ended(1)).end!.protocolStatus, 0);
    peer.request(2);
    await until(() => held.length === 2);
  });

  it('refuses what comes before a process ends that is halted, on old and new connections, and says that it ends; what runs is finished', async (t) => {
    const { server, port, held } = await serve(t);
    const [busy, kept] = [await FastcgiPeer.connect(t, port), await FastcgiPeer.connect(t, port)];
    busy.request(1);
    await until(() => held.length === 1 && server.connections === 2);
    const halted = server.halt(true);
    const fresh = await FastcgiPeer.connect(t, port);
    for (const peer of [kept, fresh]) {
      peer.request(1, {}, { stdin: 'body' });
      assert.deepEqual((await peer.ended(1)).end, { appStatus: 0x656e6473, protocolStatus: 2 });
    }
    held[0]!.sink.end();
    assert.deepEqual((await busy.ended(1)).end, { appStatus: 0, protocolStatus: 0 });
    await halted;
    assert.equal(held.length, 1);
  });

  it('lets a small answer through while a large one is on its way', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    peer.request(2);
    await until(() => held.length === 2);
    const [large, small] = held as [Held, Held];
    large.sink.head({ status: 200, reason: '', headers: [] });
    assert.equal(large.sink.write(Buffer.alloc(4_000_000, 'x')), false);
    large.sink.end();
    small.sink.head({ status: 200, reason: '', headers: [] });
    small.sink.write(Buffer.from('small'));
    small.sink.end();
    await peer.ended(2);
    await peer.ended(1);
    const smallEnd = peer.order.indexOf('END_REQUEST 2');
    assert.ok(smallEnd < peer.order.indexOf('END_REQUEST 1'));
    assert.ok(smallEnd < peer.order.lastIndexOf('STDOUT 1'), 'the small answer did not wait for the large one');
  });

  it('gives large answers turns of equal length', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    for (const id of [1, 2]) peer.request(id);
    await until(() => held.length === 2);
    for (const { sink } of held) {
      sink.head({ status: 200, reason: '', headers: [] });
      sink.write(Buffer.alloc(2_000_000, 'x'));
      sink.end();
    }
    await Promise.all([peer.ended(1), peer.ended(2)]);
    const first = peer.order.indexOf('END_REQUEST 1');
    const secondBefore = peer.order.slice(0, first).filter((entry) => entry === 'STDOUT 2').length;
    const secondAll = peer.order.filter((entry) => entry === 'STDOUT 2').length;
    assert.ok(
      secondBefore > secondAll / 2,
      `${secondBefore} of ${secondAll} records of the second came before the end of the first`,
    );
  });

  it('tells a handler to wait when the web server does not read, and to go on', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.socket.pause();
    peer.request(1);
    await until(() => held.length === 1);
    const { sink } = held[0]!;
    sink.head({ status: 200, reason: '', headers: [] });
    let written = 0;
    while (sink.write(Buffer.alloc(65_536, 'x'))) written += 65_536;
    written += 65_536;
    assert.ok(written < 64_000_000);
    assert.equal(held[0]!.resumes, 0);
    peer.raw.socket.resume();
    await until(() => held[0]!.resumes > 0);
    sink.end();
    const { stdout } = await peer.ended(1);
    assert.equal(stdout.length - stdout.indexOf('\r\n\r\n') - 4, written);
  });
});

describe('ServerConnection, aborts', () => {
  it('ABORT_REQUEST reaches the handler, and END_REQUEST the web server', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    await until(() => held.length === 1);
    peer.send((writer) => writer.abort(1));
    await peer.ended(1);
    assert.equal(held[0]!.aborts, 1);
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    held[0]!.sink.end();
    peer.request(2);
    await until(() => held.length === 2);
    assert.equal(peer.order.filter((entry) => entry.startsWith('STDOUT 1 ') || entry === 'STDOUT 1').length, 1);
  });

  it('an answer that fails after its head is never completed: the connection closes without END_REQUEST', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    await until(() => held.length === 1);
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    held[0]!.sink.write(Buffer.from('half'));
    held[0]!.sink.fail(new PosternError('ANSWER_TRUNCATED', 'test'));
    await peer.raw.untilEnd();
    assert.equal(peer.answer(1).end, null);
    assert.match(peer.answer(1).stdout, /half$/);
  });

  it('an error before the head is an answer of its own, without its message', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    await until(() => held.length === 1);
    held[0]!.sink.fail(new PosternError('NOT_FOUND', 'secret path'));
    const answer = await peer.ended(1);
    assert.match(answer.stdout, /^Status: 404 Not Found\r\n/);
    assert.doesNotMatch(answer.stdout, /secret/);
    assert.equal(answer.end!.appStatus, 1);
  });

  it('a web server that goes away aborts what runs', async (t) => {
    const { port, held, server } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    peer.request(2);
    await until(() => held.length === 2);
    peer.raw.socket.end();
    await until(() => held.every((one) => one.aborts === 1));
    assert.equal(server.running, 0);
  });
});

describe('ServerConnection, what the log is told', () => {
  for (const [when, level] of [
    ['after a finished answer', 'debug'],
    ['under a request', 'warn'],
  ] as const) {
    it(`a connection that is reset ${when} is told at ${level}`, async (t) => {
      const run = (_: CgiRequest, sink: CgiSink): Exchange => {
        sink.head({ status: 200, reason: '', headers: [] });
        if (level === 'debug') sink.end();
        else sink.flush();
        return nothing;
      };
      const { server, port, log } = await serve(t, { run });
      const peer = await FastcgiPeer.connect(t, port);
      peer.request(1);
      await peer.raw.until(() => peer.order.length > 0);
      peer.raw.socket.resetAndDestroy();
      while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(
        log.matching(/^closed a FastCGI connection: /).map((record) => record.level),
        [level],
      );
    });
  }
});

describe('ServerConnection, a handler that throws', () => {
  it('is answered with 500, and the connection serves the next request', async (t) => {
    const run = (request: CgiRequest, sink: CgiSink): Exchange => {
      if (request.url === '/broken') throw new Error('secret');
      return answerAtOnce(request, sink);
    };
    const { port } = await serve(t, { run });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { REQUEST_URI: '/broken' });
    const { stdout } = await peer.ended(1);
    assert.match(stdout, /^Status: 500 /);
    assert.doesNotMatch(stdout, /secret/);
    peer.request(1);
    assert.match((await peer.ended(1)).stdout, /^Status: 200 /);
  });
});

describe('ServerConnection, management records', () => {
  it('answers GET_VALUES with what was asked and is known', async (t) => {
    const { port } = await serve(t, { limits: { maxConnections: 5, maxExchanges: 3 } });
    const peer = await FastcgiPeer.connect(t, port);
    peer.send((writer) => writer.getValues(['FCGI_MAX_CONNS', 'FCGI_MPXS_CONNS', 'FCGI_MAX_REQS', 'X']));
    await peer.raw.until(() => peer.controls.length === 1);
    assert.equal(peer.controls[0]!.type, GET_VALUES_RESULT);
    const values = decodeValues(Buffer.from(peer.controls[0]!.body, 'latin1'));
    assert.deepEqual(values, { maxConnections: 5, maxRequests: 15, multiplexes: true });
  });

  it('answers an unknown management type with UNKNOWN_TYPE, and goes on', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.send('\x01\x63\x00\x00\x00\x03\x05\x00abc.....');
    await peer.raw.until(() => peer.controls.length === 1);
    assert.deepEqual(peer.controls[0], { type: UNKNOWN_TYPE, body: '\x63\0\0\0\0\0\0\0' });
    peer.request(1);
    await peer.ended(1);
  });

  it('answers an unknown role with UNKNOWN_ROLE', async (t) => {
    const { port } = await serve(t, { run: answerAtOnce });
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.send('\x01\x01\x00\x01\x00\x08\x00\x00\x00\x09\x01\x00\x00\x00\x00\x00');
    assert.equal((await peer.ended(1)).end!.protocolStatus, 3);
  });
});

describe('ServerConnection, what is not FastCGI', () => {
  const begin = '\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00';
  const wrong: readonly (readonly [string, string])[] = [
    ['another version', '\x02\x01\x00\x01\x00\x00\x00\x00'],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['BEGIN_REQUEST with id 0', '\x01\x01\x00\x00\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00'],
    ['BEGIN_REQUEST of a request that runs', begin + begin],
    ['PARAMS of no request', '\x01\x04\x00\x05\x00\x02\x00\x00ab'],
    ['STDIN before the end of PARAMS', `${begin}\x01\x05\x00\x01\x00\x01\x00\x00a`],
    ['DATA for a responder', `${begin}\x01\x04\x00\x01\x00\x00\x00\x00\x01\x08\x00\x01\x00\x01\x00\x00a`],
    ['a record of the application', '\x01\x06\x00\x01\x00\x01\x00\x00a'],
    ['an unknown type with a request id', '\x01\x63\x00\x01\x00\x00\x00\x00'],
    ['half a pair in PARAMS', `${begin}\x01\x04\x00\x01\x00\x02\x00\x00\x05\x05\x01\x04\x00\x01\x00\x00\x00\x00`],
  ];
  for (const [what, bytes] of wrong) {
    it(`closes the connection on ${what}`, async (t) => {
      const { port, held, log } = await serve(t);
      const peer = await FastcgiPeer.connect(t, port);
      peer.raw.send(bytes);
      await peer.raw.untilEnd();
      assert.equal(held.filter((one) => one.aborts === 0).length, 0);
      assert.equal(log.records[0]?.fields.code, 'PROTOCOL_ERROR');
    });
  }
});

describe('ServerConnection, limits', () => {
  it('answers 431 to PARAMS above the limit, and closes', async (t) => {
    const { port, held } = await serve(t, { limits: { params: { maxBytes: 1_000, maxPairs: 100 } } });
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1, { HTTP_X: 'x'.repeat(5_000) });
    assert.match((await peer.ended(1)).stdout, /^Status: 431 /);
    await peer.raw.untilEnd();
    assert.equal(held.length, 0);
  });

  it('closes a connection above maxConnections, and one that is not from allowedClients', async (t) => {
    const full = await serve(t, { limits: { maxConnections: 1 } });
    await FastcgiPeer.connect(t, full.port);
    const second = await FastcgiPeer.connect(t, full.port);
    await second.raw.untilEnd();
    assert.match(full.log.records[0]!.message, /raise maxConnections/);
    const closed = await serve(t, { allowedClients: ['10.0.0.0/8'] });
    const stranger = await FastcgiPeer.connect(t, closed.port);
    await stranger.raw.untilEnd();
    assert.match(closed.log.records[0]!.message, /allowedClients/);
  });

  it('closes a connection whose PARAMS do not come, whose body does not come, and which is idle for too long', async (t) => {
    const clock = new FakeClock();
    const { port, held } = await serve(t, { clock, limits: { idleTimeoutMs: 30_000 } });
    const slowParams = await FastcgiPeer.connect(t, port);
    slowParams.send((writer) => writer.begin(1, 'responder', true));
    const slowBody = await FastcgiPeer.connect(t, port);
    slowBody.request(1, { CONTENT_LENGTH: '5' }, { stdin: null });
    const idle = await FastcgiPeer.connect(t, port);
    await until(() => held.length === 1);
    held[0]!.request
      .body!.stream()
      .on('error', () => {})
      .resume();
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(12_000);
    await slowParams.raw.untilEnd();
    assert.equal(slowBody.raw.end, 'open');
    clock.advance(20_000);
    await idle.raw.untilEnd();
    clock.advance(30_000);
    await slowBody.raw.untilEnd();
    assert.equal(held[0]!.aborts, 1);
  });

  it('closes a connection whose web server reads nothing', async (t) => {
    const clock = new FakeClock();
    const { port, held } = await serve(t, { clock });
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.socket.pause();
    peer.request(1);
    await until(() => held.length === 1);
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    while (held[0]!.sink.write(Buffer.alloc(65_536))) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(61_000);
    await until(() => held[0]!.aborts === 1);
  });
});

describe('FastcgiServer.close', () => {
  it('closes idle connections, lets requests finish, and resolves after the last', async (t) => {
    const { server, port, held } = await serve(t);
    const idle = await FastcgiPeer.connect(t, port);
    const busy = await FastcgiPeer.connect(t, port);
    busy.request(1);
    await until(() => held.length === 1);
    let isClosed = false;
    const closing = server.close().then(() => (isClosed = true));
    await idle.raw.untilEnd();
    idle.raw.socket.destroy();
    assert.equal(isClosed, false);
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    held[0]!.sink.end();
    await busy.ended(1);
    await busy.raw.untilEnd();
    busy.raw.socket.destroy();
    await closing;
    await assert.rejects(FastcgiPeer.connect(t, port));
  });

  it('answers the first request of a connection that was just accepted, and no second one', async (t) => {
    const { server, port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    await until(() => server.connections === 1);
    const closing = server.close();
    peer.request(1);
    await until(() => held.length === 1);
    held[0]!.sink.head({ status: 200, reason: '', headers: [] });
    held[0]!.sink.end();
    await peer.ended(1);
    await peer.raw.untilEnd();
    peer.raw.socket.destroy();
    await closing;
  });
});

describe('FastcgiServer, what a web server does not read', () => {
  it('closes a connection whose questions are never read', async (t) => {
    const { port, server, log } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.raw.socket.pause();
    const question = new RecordWriter();
    for (let count = 0; count < 4_000; count += 1) question.getValues(['FCGI_MAX_CONNS']);
    const bytes = question.take();
    const asking = setInterval(() => peer.raw.socket.write(bytes), 1);
    t.after(() => clearInterval(asking));
    await until(() => server.connections === 0);
    assert.match(log.records.map(({ message }) => message).join('\n'), /questions came, whose answers nobody reads/);
  });

  it('keeps 64 KiB of STDERR for a web server that does not read, and says what it dropped', async (t) => {
    const { port, held } = await serve(t);
    const peer = await FastcgiPeer.connect(t, port);
    peer.request(1);
    await until(() => held.length === 1);
    peer.raw.socket.pause();
    const { sink } = held[0]!;
    sink.head({ status: 200, reason: '', headers: [] });
    while (sink.write(Buffer.alloc(60_000, 'x')));
    const before = process.memoryUsage().rss;
    const line = Buffer.alloc(50_000, 'e');
    for (let count = 0; count < 4_000; count += 1) sink.stderr(line);
    assert.ok(process.memoryUsage().rss - before < 20_000_000);
    peer.raw.socket.resume();
    await until(() => held[0]!.resumes > 0);
    sink.end();
    const { stderr } = await peer.ended(1);
    assert.ok(stderr.length < 120_000, `${stderr.length}`);
    assert.match(stderr, /\d{9} bytes of STDERR were dropped/);
  });
});

describe('FastcgiServer, its end', () => {
  it('serves one request on what still connects while it drains, and is done when nothing runs', async (t) => {
    const { server, port, held } = await serve(t);
    const first = await FastcgiPeer.connect(t, port);
    first.request(1);
    await until(() => held.length === 1);
    const drained = server.drain();
    const second = await FastcgiPeer.connect(t, port);
    second.request(1);
    await until(() => held.length === 2);
    for (const { sink } of held) {
      sink.head({ status: 200, reason: '', headers: [] });
      sink.end();
    }
    await Promise.all([first.ended(1), second.ended(1)]);
    await Promise.all([first.raw.untilEnd(), second.raw.untilEnd()]);
    first.raw.socket.end();
    second.raw.socket.end();
    await drained;
  });

  it('may be closed and destroyed more than once, in any order, also while it begins to listen', async () => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    const server = new FastcgiServer({ run: () => nothing });
    const listening = server.listen(address);
    server.destroy();
    await assert.rejects(listening, { code: 'POOL_CLOSING' });
    await Promise.all([server.close(), server.close()]);
    server.destroy();
    const other = new FastcgiServer({ run: () => nothing });
    await other.listen(address);
    await Promise.all([other.close(), other.close()]);
    other.destroy();
    await other.close();
    assert.equal(other.address, null);
  });
});
