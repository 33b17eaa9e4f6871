import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardedClock, systemClock } from '../../src/clock.ts';
import { ClientConnection, type ConnectionOwner } from '../../src/connection/client-connection.ts';
import type { ClientExchange, EndedRequest } from '../../src/connection/client-exchange.ts';
import type { ConnectionOptions } from '../../src/connection/connection-options.ts';
import type { PosternError } from '../../src/errors.ts';
import { bodyOf, cgiRequest, streamBody } from '../support/cgi-request.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { type ScriptedApplication, scriptedApplication } from '../support/scripted-application.ts';
import { until } from '../support/until.ts';

/** What an owner is told. */
class Owner implements ConnectionOwner {
  readonly released_: ClientExchange[] = [];
  readonly reusable: boolean[] = [];
  readonly closed_: (PosternError | null)[] = [];
  readonly straggled_: ({ readonly method: string; readonly url: string } | null)[] = [];
  readonly events: string[] = [];
  readonly whenClosed: Promise<void>;
  readonly whenReleased: Promise<void>;
  #resolveClosed: () => void = () => {};
  #resolveReleased: () => void = () => {};

  constructor() {
    this.whenClosed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.whenReleased = new Promise((resolve) => {
      this.#resolveReleased = resolve;
    });
  }

  released(connection: ClientConnection, exchange: ClientExchange): void {
    this.events.push('released');
    this.released_.push(exchange);
    this.reusable.push(connection.isReusable);
    this.#resolveReleased();
  }

  straggled(_connection: ClientConnection, of: EndedRequest | null): void {
    this.straggled_.push(of === null ? null : { method: of.method, url: of.url });
  }

  closed(_connection: ClientConnection, error: PosternError | null): void {
    this.events.push('closed');
    this.closed_.push(error);
    this.#resolveClosed();
  }
}

const opened: { application: ScriptedApplication; connection: ClientConnection }[] = [];

afterEach(async () => {
  for (const { application, connection } of opened.splice(0)) {
    connection.destroy();
    await application.close();
  }
});

async function open(accept: (socket: Socket) => void, options: Partial<ConnectionOptions> = {}) {
  const application = await scriptedApplication(accept);
  const owner = new Owner();
  const connection = ClientConnection.open(application.address, owner, options);
  opened.push({ application, connection });
  return { connection, owner, application };
}

/** Answers every request, once its first bytes came, with what the hex stands for; then perhaps ends the connection. */
function answering(answer: string, isEnded = false): (socket: Socket) => void {
  return (socket) => {
    socket.on('data', () => {
      socket.write(Buffer.from(answer.replaceAll(/\s/g, ''), 'hex'));
      if (isEnded) socket.end();
    });
  };
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

/** One record with content, without padding. */
function record(type: number, id: number, content: string): string {
  const header = Buffer.from([1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, 0, 0]);
  return header.toString('hex') + hex(content);
}

const HEAD = 'Content-Type: text/plain\r\n\r\n';
const stdout = (content: string, id = 1): string => record(6, id, content);
const stderr = (content: string, id = 1): string => record(7, id, content);
const end = (id = 1, protocolStatus = 0, appStatus = 0): string =>
  record(3, id, String.fromCharCode(0, 0, 0, appStatus, protocolStatus, 0, 0, 0));
const hello = stdout(`${HEAD}hello`) + stdout('') + end();

describe('a connection to an application', () => {
  it('sends BEGIN_REQUEST, PARAMS and STDIN in one write', async () => {
    const chunks: string[] = [];
    const { connection } = await open((socket) =>
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk.toString('hex'));
        socket.write(Buffer.from(hello, 'hex'));
      }),
    );
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: bodyOf('a=b') }), sink, true);
    await sink.done;
    assert.deepEqual(chunks, [
      [
        '0101000100080000',
        '0001010000000000',
        '0104000100210700',
        hex('\x0e\x03REQUEST_METHODGET\x0b\x01SCRIPT_NAME/').padEnd(80, '0'),
        '0104000100000000',
        '0105000100030500',
        `${hex('a=b')}0000000000`,
        '0105000100000000',
      ].join(''),
    ]);
  });

  it('hands an answer on in plain calls: head, write, end', async () => {
    const { connection, owner } = await open(answering(hello));
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.deepEqual(sink.calls, ['head', 'write', 'end']);
    assert.equal(sink.body, 'hello');
    assert.deepEqual(owner.events, ['released']);
    assert.deepEqual(owner.reusable, [true]);
    assert.equal(exchange.progress, 'answered');
    assert.equal(exchange.error, null);
  });

  it('flushes once after each chunk that does not end the answer', async () => {
    const { connection } = await open(async (socket) => {
      socket.write(Buffer.from(stdout(`${HEAD}a`) + stdout('b'), 'hex'));
      await sleep(20);
      socket.write(Buffer.from(stdout('c') + end(), 'hex'));
    });
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.deepEqual(sink.calls, ['head', 'write', 'flush', 'write', 'end']);
    assert.equal(sink.body, 'abc');
  });

  it('reads an answer that comes one byte at a time', async () => {
    const bytes = Buffer.from(stderr('oops') + hello, 'hex');
    const { connection } = await open(async (socket) => {
      for (const byte of bytes) {
        socket.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
    });
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.equal(sink.body, 'hello');
    assert.equal(sink.errors, 'oops');
    assert.equal(sink.error, null);
  });

  it('carries one request after another, each with an id of its own', async () => {
    let id = 0;
    const { connection, owner } = await open((socket) =>
      socket.on('data', () => {
        id += 1;
        socket.write(Buffer.from(stdout(`${HEAD}${id}`, id) + end(id), 'hex'));
      }),
    );
    for (const expected of ['1', '2', '3']) {
      const sink = new RecordingSink();
      connection.run(cgiRequest(), sink, true);
      assert.equal((await sink.done).body, expected);
    }
    assert.deepEqual(owner.reusable, [true, true, true]);
  });

  it('closes after a request that was not to be kept', async () => {
    const { connection, owner } = await open(answering(hello));
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, false);
    await sink.done;
    assert.deepEqual(owner.events, ['released', 'closed']);
    assert.deepEqual(owner.closed_, [null]);
    assert.deepEqual(owner.reusable, [false]);
  });

  it('tells its owner alone why a request failed, where it is told to', async () => {
    const { connection, owner } = await open(() => {}, { tellsFailures: false });
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest(), sink, true);
    connection.destroy();
    assert.deepEqual([sink.calls, owner.events], [[], ['released', 'closed']]);
    assert.equal(exchange.error?.code, 'CONNECTION_LOST');
  });

  it('says appStatus, and a complete answer in spite of it', async () => {
    const { connection } = await open(answering(stdout(`${HEAD}x`) + end(1, 0, 3)));
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.equal(sink.error, null);
    assert.equal(exchange.appStatus, 3);
  });

  const failures: [title: string, answer: string, isEnded: boolean, code: string, isKept: boolean][] = [
    ['an answer without END_REQUEST', stdout(`${HEAD}hel`), true, 'CONNECTION_LOST', false],
    ['half a record', stdout(`${HEAD}hello`).slice(0, -4), true, 'CONNECTION_LOST', false],
    ['a connection closed before any answer', '', true, 'CONNECTION_LOST', false],
    ['END_REQUEST alone', end(), false, 'ANSWER_INVALID', true],
    ['an empty STDOUT', stdout('') + end(), false, 'ANSWER_INVALID', true],
    ['text without a header', stdout('hello\n') + end(), false, 'ANSWER_INVALID', true],
    ['a header without a colon', stdout('hello\n\nworld') + end(), false, 'ANSWER_INVALID', true],
    ['CANT_MPX_CONN', end(1, 1), false, 'CANT_MULTIPLEX', true],
    ['OVERLOADED', end(1, 2), false, 'OVERLOADED', true],
    ['UNKNOWN_ROLE', end(1, 3), false, 'UNKNOWN_ROLE', true],
    ['a protocol status that nobody knows', end(1, 4), false, 'PROTOCOL_ERROR', true],
    ['something that is not FastCGI', hex('HTTP/1.1 200 OK\r\n\r\n'), false, 'PROTOCOL_ERROR', false],
    ['a record of another version', `02${hello.slice(2)}`, false, 'PROTOCOL_ERROR', false],
    ['a record of another request', stdout(`${HEAD}x`, 2), false, 'PROTOCOL_ERROR', false],
    ['an application record with id 0', stdout(`${HEAD}x`, 0), false, 'PROTOCOL_ERROR', false],
    ['STDOUT after its end', stdout(HEAD) + stdout('') + stdout('x') + end(), false, 'PROTOCOL_ERROR', false],
    ['a record that only a server sends', record(5, 1, 'x'), false, 'PROTOCOL_ERROR', false],
    ['GET_VALUES_RESULT that nobody asked for', record(10, 0, ''), false, 'PROTOCOL_ERROR', false],
    ['an END_REQUEST of the wrong size', record(3, 1, '1234'), false, 'PROTOCOL_ERROR', false],
  ];
  for (const [title, answer, isEnded, code, isKept] of failures) {
    it(`fails with ${code} on ${title}`, async () => {
      const { connection, owner } = await open(answering(answer, isEnded));
      const sink = new RecordingSink();
      const exchange = connection.run(cgiRequest(), sink, true);
      await sink.done;
      await owner.whenReleased;
      assert.equal(sink.error?.code, code);
      assert.equal(exchange.error?.code, code);
      assert.equal(connection.isReusable, isKept);
      if (!isKept) assert.deepEqual(owner.events, ['released', 'closed']);
    });
  }

  it('ends a complete answer well, and then closes, when records follow END_REQUEST', async () => {
    const { connection, owner } = await open(answering(hello + stdout('more')));
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.equal(sink.body, 'hello');
    assert.equal(connection.isReusable, false);
    await owner.whenClosed;
  });

  it('closes when an idle application sends something for a request that was never begun', async () => {
    const { connection, owner, application } = await open(answering(hello));
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    await sink.done;
    application.sockets[0]!.write(Buffer.from(stdout('x', 2), 'hex'));
    await owner.whenClosed;
    assert.equal(owner.closed_[0]?.code, 'PROTOCOL_ERROR');
    assert.deepEqual(owner.straggled_, []);
  });

  it('drops what comes for a request that has ended, says whose it is, and takes no request after the one that runs', async () => {
    const { connection, owner, application } = await open((socket) => {
      let id = 0;
      socket.on('data', () => {
        id += 1;
        const late = id === 1 ? '' : stdout('late') + stderr('late') + stdout('') + end();
        const own = stdout(`${HEAD}answer ${id}`, id) + stdout('', id) + end(id);
        socket.write(Buffer.from(late + own, 'hex'));
      });
    });
    const [first, second] = [new RecordingSink(), new RecordingSink()];
    connection.run(cgiRequest({ method: 'POST', url: '/fork.php' }), first, true);
    await first.done;
    assert.equal(connection.isReusable, true);
    connection.run(cgiRequest({ url: '/innocent' }), second, true);
    await second.done;
    assert.equal(second.error, null);
    assert.equal(second.body, 'answer 2');
    assert.equal(second.errors, '');
    assert.deepEqual(owner.straggled_, [{ method: 'POST', url: '/fork.php' }]);
    await owner.whenClosed;
    assert.deepEqual(owner.reusable, [true, false]);
    assert.deepEqual(owner.closed_, [null]);
    assert.equal(application.sockets.length, 1);
  });

  it('closes without an error when something comes for a request that has ended and nothing runs', async () => {
    const { connection, owner, application } = await open(answering(hello));
    const sink = new RecordingSink();
    connection.run(cgiRequest({ url: '/fork2.php' }), sink, true);
    await sink.done;
    application.sockets[0]!.write(Buffer.from(stdout('') + end(), 'hex'));
    await owner.whenClosed;
    assert.deepEqual(owner.closed_, [null]);
    assert.equal(owner.straggled_[0]?.url, '/fork2.php');
  });

  it('gives the whole answer when something for it follows its END_REQUEST in the same bytes', async () => {
    const { connection, owner } = await open(answering(hello + stdout('late')));
    const sink = new RecordingSink();
    connection.run(cgiRequest({ url: '/fork3.php' }), sink, true);
    await sink.done;
    assert.deepEqual([sink.error, sink.body], [null, 'hello']);
    await owner.whenClosed;
    assert.equal(owner.straggled_[0]?.url, '/fork3.php');
  });

  it('passes an answer on that comes before the body was sent, and closes', async () => {
    const { connection, owner } = await open((socket) => {
      socket.pause();
      socket.write(Buffer.from(hello, 'hex'));
    });
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: bodyOf('x'.repeat(4_000_000)) }), sink, true);
    await sink.done;
    assert.equal(sink.error, null);
    assert.equal(sink.body, 'hello');
    assert.deepEqual(owner.events, ['released', 'closed']);
  });

  it('gives up on an application that does not read', async () => {
    const { connection } = await open((socket) => socket.pause(), { writeTimeoutMs: 30 });
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: bodyOf('x'.repeat(4_000_000)) }), sink, true);
    await sink.done;
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
    assert.match(sink.error.message, /read nothing of the request for 30 ms/);
  });

  it('reads while it sends: a body of 4 MB comes back while it goes out', async () => {
    const { connection } = await open((socket) => {
      let isFirst = true;
      socket.on('data', (chunk: Buffer) => {
        if (isFirst) socket.write(Buffer.from(stdout(HEAD), 'hex'));
        isFirst = false;
        for (let at = 0; at < chunk.length; at += 60_000) {
          socket.write(Buffer.from(stdout(chunk.subarray(at, at + 60_000).toString('latin1')), 'hex'));
        }
        if (chunk.subarray(-8).equals(Buffer.from('0105000100000000', 'hex'))) socket.write(Buffer.from(end(), 'hex'));
      });
    });
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: bodyOf('x'.repeat(4_000_000)) }), sink, true);
    await sink.done;
    assert.equal(sink.error, null);
    assert.ok(sink.body.length > 4_000_000);
  });

  it('stops reading when the sink says so, and goes on after resume()', async () => {
    const { connection } = await open(
      answering(stdout(HEAD) + stdout('x'.repeat(60_000)).repeat(40) + stdout('') + end()),
    );
    const sink = new RecordingSink();
    sink.writeAnswers.push(false);
    const exchange = connection.run(cgiRequest(), sink, true);
    await until(() => sink.body.length > 0);
    await sleep(50);
    const before = sink.body.length;
    assert.ok(before > 0 && before <= 65_536, `${before} bytes came`);
    exchange.resume();
    await sink.done;
    assert.equal(sink.body.length, 2_400_000);
  });

  it('sends a streamed body with back-pressure, and ends STDIN only after its last byte', async () => {
    let received = 0;
    const { connection } = await open((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (chunk.subarray(-8).toString('hex') === '0105000100000000') socket.write(Buffer.from(hello, 'hex'));
      });
    });
    const chunks = Array.from({ length: 100 }, () => Buffer.alloc(20_000, 120));
    const sink = new RecordingSink();
    connection.run(cgiRequest({ body: streamBody(Readable.from(chunks), 2_000_000) }), sink, true);
    await sink.done;
    assert.equal(sink.body, 'hello');
    assert.ok(received > 2_000_000);
  });

  const cuts: [title: string, stream: () => Readable][] = [
    ['ends early', () => Readable.from([Buffer.from('half')])],
    [
      'fails',
      () =>
        Readable.from(
          (async function* () {
            yield Buffer.from('half');
            throw new Error('reset');
          })(),
        ),
    ],
    [
      'is destroyed',
      () => {
        const stream = new PassThrough();
        stream.write('half');
        setTimeout(() => stream.destroy(), 5);
        return stream;
      },
    ],
  ];
  for (const [title, stream] of cuts) {
    it(`never ends STDIN of a body that ${title}`, async () => {
      let received = '';
      const { connection, owner } = await open((socket) => {
        socket.on('data', (chunk: Buffer) => {
          received += chunk.toString('hex');
        });
      });
      const sink = new RecordingSink();
      connection.run(cgiRequest({ body: streamBody(stream(), 100) }), sink, true);
      await sink.done;
      await owner.whenClosed;
      await sleep(10);
      assert.equal(sink.error?.code, 'BODY_INCOMPLETE');
      assert.ok(!received.endsWith('0105000100000000'));
    });
  }

  it('is called no more after abort(); the application is told, and the connection closed when it is done', async () => {
    let received = '';
    const { connection, owner } = await open((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('hex');
        if (!received.endsWith('0102000100000000')) socket.write(Buffer.from(stdout(`${HEAD}a`), 'hex'));
        else socket.write(Buffer.from(stdout('b') + end(), 'hex'));
      });
    });
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest(), sink, true);
    while (sink.body === '') await sleep(1);
    exchange.abort();
    exchange.abort();
    await owner.whenClosed;
    assert.deepEqual(sink.calls, ['head', 'write', 'flush']);
    assert.deepEqual(owner.events, ['released', 'closed']);
    assert.equal(owner.released_[0]?.hasEnded, true);
  });

  it('closes at once when a request is aborted whose body was not sent', async () => {
    const { connection, owner } = await open((socket) => socket.pause());
    const exchange = connection.run(cgiRequest({ body: bodyOf('x'.repeat(4_000_000)) }), new RecordingSink(), true);
    await sleep(10);
    exchange.abort();
    assert.deepEqual(owner.events, ['released', 'closed']);
  });

  it('fails what runs with the error of destroy()', async () => {
    const { connection, owner } = await open(() => {});
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    connection.destroy();
    connection.destroy();
    assert.equal((await sink.done).error?.code, 'CONNECTION_LOST');
    assert.deepEqual(owner.events, ['released', 'closed']);
  });

  it('lets a request finish before close() closes', async () => {
    const { connection, owner } = await open(answering(hello));
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    connection.close();
    assert.equal(connection.isReusable, false);
    assert.equal((await sink.done).body, 'hello');
    assert.deepEqual(owner.events, ['released', 'closed']);
  });

  it('throws PARAMS_TOO_LARGE before anything was sent, and stays as it was', async () => {
    const { connection } = await open(answering(hello));
    const environment = { HTTP_COOKIE: 'x'.repeat(65_000) };
    assert.throws(() => connection.run(cgiRequest({ environment }), new RecordingSink(), true), {
      code: 'PARAMS_TOO_LARGE',
    });
    const sink = new RecordingSink();
    connection.run(cgiRequest(), sink, true);
    assert.equal((await sink.done).body, 'hello');
  });

  it('fails with CONNECT_FAILED, and knows that nothing was sent, where nobody listens', async () => {
    const owner = new Owner();
    const connection = ClientConnection.open({ kind: 'unix', path: '/nonexistent/socket' }, owner);
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest(), sink, true);
    await sink.done;
    assert.equal(sink.error?.code, 'CONNECT_FAILED');
    assert.match(sink.error.message, /unix:\/nonexistent\/socket: .*ENOENT/);
    assert.equal(exchange.progress, 'unsent');
    assert.deepEqual(owner.events, ['released', 'closed']);
  });

  it('knows that nothing was sent on a kept connection which the application has closed', async () => {
    const { connection, application } = await open(answering(hello));
    const first = new RecordingSink();
    connection.run(cgiRequest(), first, true);
    await first.done;
    // Closed by the peer, and not yet noticed here: no turn of the event loop between the two.
    application.sockets[0]!.destroy();
    const until = performance.now() + 20;
    while (performance.now() < until);
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest({ idempotent: false }), sink, true);
    await sink.done;
    assert.equal(sink.error?.code, 'CONNECTION_LOST');
    assert.equal(exchange.progress, 'unsent');
  });

  it('knows that nothing was sent where the program closed a new connection before the first write', async (t) => {
    const path = join(temporaryFolder(t), 's');
    const script = `require('node:net').createServer((s) => s.destroy()).listen(${JSON.stringify(path)}, () => console.error('listens'))`;
    await startNode(t, ['-e', script]).until('listens');
    const owner = new Owner();
    const connection = ClientConnection.open({ kind: 'unix', path }, owner);
    const sink = new RecordingSink();
    const exchange = connection.run(cgiRequest({ idempotent: false }), sink, false);
    // What is written waits for the event loop, and finds the connection closed.
    const until = performance.now() + 200;
    while (performance.now() < until);
    await sink.done;
    assert.equal(sink.error?.code, 'CONNECT_FAILED');
    assert.match(sink.error.message, /EPIPE/);
    assert.equal(exchange.progress, 'unsent');
  });

  const beginnings: [what: string, answer: string][] = [
    ['half a record header', '0106'],
    ['half a record', stdout('Content-Type: text/plain').slice(0, 40)],
    ['half a head', stdout('Content-Ty')],
    ['STDERR', stderr('!')],
  ];
  for (const [what, answer] of beginnings) {
    it(`takes ${what} for a beginning of an answer`, async () => {
      const { connection } = await open(answering(answer, true));
      const sink = new RecordingSink();
      const exchange = connection.run(cgiRequest(), sink, true);
      await sink.done;
      assert.equal(sink.error?.code, 'CONNECTION_LOST');
      assert.equal(exchange.progress, 'answered');
    });
  }

  for (const [what, answer, isEnded, code] of [
    ['END_REQUEST alone', end(), false, 'ANSWER_INVALID'],
    ['STDOUT closed at once, and END_REQUEST', stdout('') + end(), false, 'ANSWER_INVALID'],
    ['what is not FastCGI', hex('HTTP/1.1 200 OK'), false, 'PROTOCOL_ERROR'],
    ['a connection that closes', '', true, 'CONNECTION_LOST'],
  ] as const) {
    it(`takes ${what} for no byte of an answer`, async () => {
      const { connection } = await open(answering(answer, isEnded));
      const sink = new RecordingSink();
      const exchange = connection.run(cgiRequest(), sink, true);
      await sink.done;
      assert.equal(sink.error?.code, code);
      assert.equal(exchange.progress, 'sent');
    });
  }

  it('gives a program that reads slowly, or that answers without reading, all the time it takes', async () => {
    for (const isReading of [true, false]) {
      const { connection } = await open(
        (socket) => {
          socket.pause();
          let said = 0;
          const timer = setInterval(() => {
            said += 1;
            if (isReading) socket.read(100_000);
            else if (said === 1) socket.write(Buffer.from(stdout(HEAD), 'hex'));
            else socket.write(Buffer.from(said === 12 ? stdout('') + end() : stdout('x'), 'hex'));
            if (isReading && said === 12) socket.end(Buffer.from(hello, 'hex'));
            if (said === 12) clearInterval(timer);
          }, 60);
        },
        { writeTimeoutMs: 300 },
      );
      const sink = new RecordingSink();
      connection.run(cgiRequest({ body: bodyOf('x'.repeat(4_000_000)) }), sink, true);
      await sink.done;
      assert.equal(sink.error, null, `${isReading}`);
    }
  });

  for (const told of ['released', 'straggled'] as const) {
    it(`a fault in whoever is told "${told}" is heard of where its clock is guarded, and closes this connection`, async () => {
      const faults: unknown[] = [];
      const answer = told === 'released' ? hello : `${hello}${stdout('late')}`;
      const clock = guardedClock(systemClock, (fault) => faults.push(fault));
      const { connection, owner } = await open(answering(answer), { clock });
      const fault = new TypeError('a bug');
      owner[told] = () => {
        throw fault;
      };
      const sink = new RecordingSink();
      connection.run(cgiRequest(), sink, true);
      await until(() => faults.length > 0, 'it is heard of');
      assert.deepEqual(faults, [fault]);
      assert.equal(connection.state, 'closed');
    });
  }

  it('carries several requests at a time where it is allowed to', async () => {
    const { connection, owner } = await open(
      (socket) => {
        let requests = 0;
        socket.on('data', () => {
          requests = 2;
          if (requests < 2) return;
          socket.write(Buffer.from(stdout(`${HEAD}a`, 2) + stdout(`${HEAD}x`, 1) + stdout('b', 2) + end(2), 'hex'));
          setTimeout(() => socket.write(Buffer.from(stdout('y', 1) + end(1), 'hex')), 10);
        });
      },
      { maxExchanges: 2 },
    );
    const [one, two] = [new RecordingSink(), new RecordingSink()];
    connection.run(cgiRequest(), one, true);
    connection.run(cgiRequest(), two, true);
    assert.equal(connection.isReusable, false);
    await Promise.all([one.done, two.done]);
    assert.equal(one.body, 'xy');
    assert.equal(two.body, 'ab');
    assert.deepEqual(owner.reusable, [true, true]);
  });

  it('takes no more requests than there are ids, whatever it is allowed', async () => {
    const { connection } = await open(() => {}, { maxExchanges: 1_000 });
    let begun = 0;
    for (; begun < 300 && connection.isReusable; begun += 1) connection.run(cgiRequest(), new RecordingSink(), true);
    assert.equal(begun, 255);
  });

  const values: [title: string, answer: string, expected: object][] = [
    [
      'its values',
      record(10, 0, '\x0f\x01FCGI_MPXS_CONNS1\x0e\x02FCGI_MAX_CONNS10'),
      { maxConnections: 10, maxRequests: undefined, multiplexes: true },
    ],
    [
      'UNKNOWN_TYPE',
      record(11, 0, '\x09\0\0\0\0\0\0\0'),
      { maxConnections: undefined, maxRequests: undefined, multiplexes: undefined },
    ],
  ];
  for (const [title, answer, expected] of values) {
    it(`asks GET_VALUES, and is told ${title}`, async () => {
      const { connection } = await open(answering(answer));
      assert.deepEqual(await connection.getValues(), expected);
    });
  }

  it('fails GET_VALUES when the connection closes', async () => {
    const { connection } = await open(answering('', true));
    await assert.rejects(connection.getValues(), { code: 'CONNECTION_LOST' });
  });

  it('sends a filter STDIN and then DATA, in one write', async () => {
    let received = '';
    const { connection } = await open((socket) =>
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('hex');
        socket.write(Buffer.from(hello, 'hex'));
      }),
    );
    const sink = new RecordingSink();
    connection.run(
      cgiRequest({ role: 'filter', environment: {}, body: bodyOf('in'), data: bodyOf('data') }),
      sink,
      true,
    );
    await sink.done;
    assert.equal(
      received,
      `01010001000800000003010000000000${'0104000100000000'}0105000100020600${hex('in')}000000000000` +
        `01050001000000000108000100040400${hex('data')}000000000108000100000000`,
    );
  });

  it('sends an authorizer no STDIN', async () => {
    let received = '';
    const { connection } = await open((socket) =>
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('hex');
        socket.write(Buffer.from(hello, 'hex'));
      }),
    );
    const sink = new RecordingSink();
    connection.run(cgiRequest({ role: 'authorizer', environment: {} }), sink, true);
    await sink.done;
    assert.equal(received, '010100010008000000020100000000000104000100000000');
  });
});
