import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';
import { answerText, collectRequests, startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';
import { listening } from '../support/recording-answer.ts';
import { until } from '../support/until.ts';

const post = 'POST / HTTP/1.1\r\nHost: a\r\n';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** Answers with the whole body, or with the code of what went wrong with it. */
const echoBody: HttpHandler = (request, answer) => {
  readAll(request).then(
    (body) => answerText(answer, `${request.contentLength} ${body.toString('latin1')}`),
    (error) => answerText(answer, error instanceof PosternError ? error.code : String(error)),
  );
};

async function readAll(request: HttpRequest): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request.body ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('a request body', () => {
  it('comes with its length, in the piece of the head or after it', async (t) => {
    const { port } = await startFront(t, { handler: echoBody });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 5\r\n\r\nhello`);
    await client.untilHas('5 hello');
    client.send(`${post}Content-Length: 5\r\n\r\nhe`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send(`llo${get}`);
    await client.untilHas('null ');
    assert.deepEqual(client.received.match(/5 hello|null /g), ['5 hello', '5 hello', 'null ']);
  });

  it('comes out of its chunks, and the next request is found behind it', async (t) => {
    const { port } = await startFront(t, { handler: echoBody });
    const client = await RawClient.connect(t, port);
    const wire = `${post}Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n${get}`;
    for (const byte of wire.slice(0, 100)) client.send(byte);
    client.send(wire.slice(100));
    await client.untilHas('null ');
    assert.match(client.received, /null hello world[\s\S]*null $/);
  });

  it('of 5 MB comes whole', async (t) => {
    const { port } = await startFront(t, {
      handler: (request, answer) => {
        readAll(request).then((body) => answerText(answer, `${body.length} ${body.every((byte) => byte === 0x61)}`));
      },
    });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 5000000\r\n\r\n`);
    client.socket.write('a'.repeat(5_000_000));
    await client.untilHas('5000000 true');
  });

  it('that nobody reads stops its sender', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 100000000\r\n\r\n`);
    client.socket.write(Buffer.alloc(50_000_000));
    await until(() => asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(client.socket.writableLength > 0, 'the client could send it all');
    assert.ok(asked[0]!.request.body!.readableLength < 1_000_000);
    let taken = 0;
    asked[0]!.request.body!.on('data', (chunk: Buffer) => (taken += chunk.length));
    await until(() => taken === 50_000_000);
  });

  it('that is malformed is refused before the handler is asked, when that is seen in time', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`);
    assert.match(await client.untilEnd(), /^HTTP\/1.1 400 /);
    assert.equal(asked.length, 0);
  });

  it('that turns out malformed later fails with BAD_REQUEST, and the connection ends after the answer', async (t) => {
    const { port } = await startFront(t, { handler: echoBody });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send(`xyz\r\n${get}`);
    assert.match(await client.untilEnd(), /Connection: close\r\n\r\nBAD_REQUEST$/);
  });

  it('that is cut in half fails with BODY_INCOMPLETE, by FIN', async (t) => {
    const { port } = await startFront(t, { handler: echoBody });
    const client = await RawClient.connect(t, port);
    client.socket.end(`${post}Content-Length: 10\r\n\r\nhello`);
    assert.match(await client.untilEnd(), /Connection: close\r\n\r\nBODY_INCOMPLETE$/);
  });

  it('that is cut in half fails with BODY_INCOMPLETE, by reset', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 10\r\n\r\nhello`);
    await until(() => asked.length === 1);
    const { request, answer } = asked[0]!;
    let gone = 0;
    answer.listener = listening({ gone: () => (gone += 1) });
    const failed = readAll(request).catch((error) => error);
    client.socket.resetAndDestroy();
    assert.equal(((await failed) as PosternError).code, 'BODY_INCOMPLETE');
    assert.equal(gone, 1);
  });

  it('that nobody cares for does no harm when it is cut', async (t) => {
    const { handler, asked } = collectRequests();
    const { port, front } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 10\r\n\r\nhello`);
    await until(() => asked.length === 1);
    client.socket.resetAndDestroy();
    await until(() => front.connections === 0);
  });
});

describe('an answer that comes before the body was read', () => {
  it('leaves the connection open when the body has come whole', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 5\r\n\r\nhello`);
    await client.untilHas('POST /');
    client.send(get);
    await client.untilHas('GET /');
    assert.doesNotMatch(client.received, /Connection: close/);
  });

  it('reaches a client that is still sending 5 MB, and the connection ends', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 5000000\r\n\r\n`);
    client.socket.write(Buffer.alloc(5_000_000));
    assert.match(await client.untilEnd(), /Connection: close\r\n\r\nPOST \/$/);
    assert.equal(client.end, 'ended');
  });

  it('is a streamed one while the body still comes', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(`${post}Content-Length: 10\r\n\r\nhello`);
    await until(() => asked.length === 1);
    const { request, answer } = asked[0]!;
    answer.head(200, []);
    answer.flush();
    request.body!.on('data', (chunk: Buffer) => {
      answer.write(chunk);
      answer.flush();
    });
    request.body!.on('end', () => answer.end());
    await client.untilHas('hello');
    client.send('world');
    assert.match(await client.untilEnd(), /5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n$/);
  });
});

describe('Expect: 100-continue', () => {
  const expecting = `${post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`;

  it('is answered when the body is read, not before', async (t) => {
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler });
    const client = await RawClient.connect(t, port);
    client.send(expecting);
    await until(() => asked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(client.received, '');
    const body = readAll(asked[0]!.request);
    assert.equal(await client.untilHas('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    answerText(asked[0]!.answer, String(await body));
    await client.untilHas('hello');
    assert.doesNotMatch(client.received, /Connection: close/);
  });

  it('is not answered when the answer comes first; the connection then ends', async (t) => {
    const { port } = await startFront(t);
    const client = await RawClient.connect(t, port);
    client.send(expecting);
    assert.match(await client.untilEnd(), /^HTTP\/1.1 200 OK[\s\S]*Connection: close/);
  });

  it('is not answered when the body comes without waiting', async (t) => {
    const { port } = await startFront(t, { handler: echoBody });
    const client = await RawClient.connect(t, port);
    client.send(`${expecting}hello`);
    await client.untilHas('5 hello');
    assert.doesNotMatch(client.received, /100 Continue/);
  });
});

describe('an answer that is cut', () => {
  const cut = (begin: (answer: HttpAnswer) => void): HttpHandler => {
    return (_request, answer) => {
      begin(answer);
      answer.flush();
      setTimeout(() => answer.abort(new PosternError('ANSWER_TRUNCATED', 'a test')), 20);
    };
  };

  it('in chunks ends without the last one', async (t) => {
    const { port } = await startFront(t, {
      handler: cut((answer) => {
        answer.head(200, []);
        answer.write(Buffer.from('hello'));
      }),
    });
    const client = await RawClient.connect(t, port);
    client.send(get);
    assert.match(await client.untilEnd(), /5\r\nhello\r\n$/);
  });

  it('on HTTP/1.0 is reset', async (t) => {
    const { port } = await startFront(t, {
      handler: cut((answer) => {
        answer.head(200, []);
        answer.write(Buffer.from('hello'));
      }),
    });
    const client = await RawClient.connect(t, port);
    client.send('GET / HTTP/1.0\r\n\r\n');
    await client.untilEnd();
    assert.equal(client.end, 'ECONNRESET');
  });
});

describe('back-pressure', () => {
  it('stops an answer whose client does not read, and goes on when it does', async (t) => {
    const total = 400;
    let stops = 0;
    const { port } = await startFront(t, {
      handler(_request, answer) {
        let written = 0;
        const chunk = Buffer.alloc(65_536, 'a');
        const go = (): void => {
          while (written < total) {
            written += 1;
            if (!answer.write(chunk)) {
              stops += 1;
              return;
            }
          }
          answer.listener = null;
          answer.end();
        };
        answer.listener = listening({ drained: go });
        answer.head(200, ['Content-Length', String(total * 65_536)]);
        go();
      },
    });
    const client = await RawClient.connect(t, port);
    client.socket.pause();
    client.send(get);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(stops > 0);
    client.socket.resume();
    const text = await client.until((one) => one.received.length > total * 65_536);
    assert.equal(text.length, text.indexOf('\r\n\r\n') + 4 + total * 65_536);
  });
});
