// What every HTTP/1.1 front must do, as one suite: bytes in, bytes out, and what its handler is told.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';
import { RawClient } from '../support/raw-client.ts';
import { listening } from '../support/recording-answer.ts';
import { until } from '../support/until.ts';

/** Starts a front for a test, on a free port of 127.0.0.1, destroyed with the test. @returns the port */
export type MakeFront = (t: TestContext, handler: HttpHandler, limits: FrontLimits) => Promise<number>;

/** Limits that the suite sets low. */
export interface FrontLimits {
  readonly headTimeoutMs?: number;
}

/** What the handler of the suite saw. */
class Seen {
  readonly requests: HttpRequest[] = [];
  readonly bodies: string[] = [];
  readonly bodyErrors: unknown[] = [];
  gone = 0;
}

type Respond = (request: HttpRequest, answer: HttpAnswer, body: string) => void;

const sayHello: Respond = (_request, answer) => send(answer, 200, 'hello');

function send(answer: HttpAnswer, status: number, body: string, headers: readonly string[] = []): void {
  answer.head(status, headers);
  if (body !== '') answer.write(Buffer.from(body));
  answer.end();
}

/** A handler that takes the body in, then responds. */
function handlerOf(seen: Seen, respond: Respond): HttpHandler {
  return (request, answer) => {
    seen.requests.push(request);
    answer.listener = listening({ gone: () => (seen.gone += 1) });
    if (request.body === null) {
      respond(request, answer, '');
      return;
    }
    request.body.toArray().then(
      (chunks) => {
        const body = Buffer.concat(chunks as Buffer[]).toString('latin1');
        seen.bodies.push(body);
        respond(request, answer, body);
      },
      (error: unknown) => {
        seen.bodyErrors.push(error);
        send(answer, 400, '');
      },
    );
  };
}

/** Bytes that are no request; the handler must never see one. The status is the least that the answer may say. */
const refused: readonly [why: string, bytes: string][] = [
  [
    'Content-Length with Transfer-Encoding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two different Content-Lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['a list of Content-Lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd'],
  ['a negative Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
  ['a Content-Length with a sign', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'],
  ['a hexadecimal Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc'],
  ['rule 12: HTTP/1.0 with chunked', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  [
    'a transfer coding that is not known',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  ['chunked twice', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
  [
    'an empty Transfer-Encoding before chunked',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['an empty Transfer-Encoding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n'],
  ['chunked, but not quite', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['a bare LF', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['a bare LF between fields', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n'],
  ['a folded line', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n'],
  ['NUL in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n'],
  ['NUL in a name', 'GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['a line without a colon', 'GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n'],
  ['an empty name', 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n'],
  ['a name that is no token', 'GET / HTTP/1.1\r\nHost: a\r\nX@Y: b\r\n\r\n'],
  ['a method that is no token', 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no version', 'GET /\r\nHost: a\r\n\r\n'],
  ['a version that is none', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.repeat(3)],
  ['rule 14: headers above 64 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
];

/** Chunked bodies that are broken: the handler sees the request, and its body fails. */
const brokenChunks: readonly [why: string, body: string][] = [
  ['a size that is no number', 'zz\r\nabc\r\n0\r\n\r\n'],
  ['a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a chunk longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk without its end', '3\r\nabc0\r\n\r\n'],
  ['a size beyond all numbers', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
];

/** Runs the suite. @param spoken the version that reaches the front; 2.0 has names in lower case, and no connection that ends with an answer */
export function frontConformance(name: string, makeFront: MakeFront, spoken: '1.1' | '2.0' = '1.1'): void {
  async function start(t: TestContext, respond: Respond = sayHello, limits: FrontLimits = {}) {
    const seen = new Seen();
    const port = await makeFront(t, handlerOf(seen, respond), limits);
    return { seen, port, client: await RawClient.connect(t, port) };
  }

  describe(`${name}: requests`, () => {
    it('come as they were sent', async (t) => {
      const { seen, client } = await start(t);
      client.send(
        'PATCH /a%20b?c=d HTTP/1.1\r\nHoSt: a.example:80\r\nX_y.z:  caf\xc3\xa9 \t\r\nX-Empty:\r\nx-y: 1\r\nX-Y: 2\r\n\r\n',
      );
      await client.untilHas('hello');
      const { method, target, version, headers, body, contentLength, peer } = seen.requests[0]!;
      assert.deepEqual(
        { method, target, version, body, contentLength },
        { method: 'PATCH', target: '/a%20b?c=d', version: spoken, body: null, contentLength: null },
      );
      const sent = ['HoSt', 'a.example:80', 'X_y.z', 'caf\xc3\xa9', 'X-Empty', '', 'x-y', '1', 'X-Y', '2'];
      const named = (list: readonly string[]): string[] =>
        list.map((one, at) => (spoken === '2.0' && at % 2 === 0 ? one.toLowerCase() : one));
      assert.deepEqual(named(headers), named(sent));
      assert.deepEqual([peer.remoteAddress, peer.localAddress, peer.secure], ['127.0.0.1', '127.0.0.1', false]);
      if (spoken !== '2.0') assert.equal(peer.remotePort, client.socket.localPort);
    });

    it('may be pipelined, and are answered in their order', async (t) => {
      const { client } = await start(t, (request, answer) => {
        setTimeout(() => send(answer, 200, `<${request.target}>`), request.target === '/1' ? 30 : 0);
      });
      client.send(['/1', '/2', '/3'].map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
      const text = await client.untilHas('</3>');
      assert.deepEqual(text.match(/<\/\d>/g), ['</1>', '</2>', '</3>']);
    });

    it('may come byte by byte', async (t) => {
      const { client, seen } = await start(t);
      client.socket.setNoDelay(true);
      for (const byte of 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n') {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.untilHas('hello');
      assert.deepEqual(seen.bodies, ['abc']);
    });

    it('in absolute form have its host, and origin form', async (t) => {
      const { client, seen } = await start(t);
      client.send(
        'GET http://b.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\nGET http://b.example?y HTTP/1.1\r\nHost: a\r\n\r\n',
      );
      await client.untilHas('hello', 2);
      assert.deepEqual(
        seen.requests.map(({ target, headers }) => [
          target,
          headers.filter((_, i) => headers[i - 1]?.toLowerCase() === 'host'),
        ]),
        [
          ['/x?y', ['b.example:81']],
          ['/?y', ['b.example']],
        ],
      );
    });

    it('have bodies by length and in chunks, without their trailers (rule 24)', async (t) => {
      const { client, seen } = await start(t);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
      client.send(
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nd\r\n2\r\nef\r\n0\r\nX-Trailer: 1\r\n\r\n',
      );
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
      await client.untilHas('hello', 3);
      assert.deepEqual(seen.bodies.slice(0, 2), ['abc', 'def']);
      assert.deepEqual(
        seen.requests.map((request) => request.contentLength),
        [3, null, 0],
      );
      assert.ok(!JSON.stringify(seen.requests.map((request) => request.headers)).includes('X-Trailer'));
    });

    it('ask in vain for another protocol (rule 24: Upgrade is ignored)', async (t) => {
      const { client } = await start(t);
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      assert.match(await client.untilHas('hello'), /^HTTP\/1\.1 200 /);
    });

    it('are told to continue when their body is read, and not before', async (t) => {
      const { client } = await start(t);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
      await client.untilHas('HTTP/1.1 100 Continue\r\n\r\n');
      client.send('abc');
      assert.match(await client.untilHas('hello'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    });

    it('are not told to continue when they are refused', async (t) => {
      const port = await makeFront(t, (_request, answer) => send(answer, 413, 'no'), {});
      const client = await RawClient.connect(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
      assert.match(await client.untilHas('no'), /^HTTP\/1\.1 413 /);
    });

    for (const [why, bytes] of refused) {
      it(`are refused: ${why}`, async (t) => {
        const { client, seen } = await start(t);
        client.send(bytes);
        client.send('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n');
        const text = await client.untilEnd();
        assert.match(text, /^HTTP\/1\.1 (?:400|431|501|505) /);
        assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1);
        assert.deepEqual(seen.requests, []);
      });
    }

    for (const [why, body] of brokenChunks) {
      it(`have a body that fails: ${why}`, async (t) => {
        const { client, seen } = await start(t);
        client.send(
          `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
        );
        await client.untilEnd();
        assert.deepEqual(seen.bodies, []);
        assert.ok(seen.requests.every((request) => request.target === '/'));
      });
    }
  });

  describe(`${name}: answers`, () => {
    it('have a length when they end before anything was passed on', async (t) => {
      const { client } = await start(t);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = await client.untilHas('hello');
      assert.match(text, /\r\nContent-Length: 5\r\n/i);
      assert.match(text, /\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/i);
      assert.doesNotMatch(text, /Transfer-Encoding/i);
    });

    it('are chunked otherwise, and the connection goes on', async (t) => {
      const { client } = await start(t, (_request, answer) => {
        answer.head(200, []);
        answer.write(Buffer.from('one'));
        answer.flush();
        answer.write(Buffer.from('two'));
        answer.end();
      });
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(await client.untilHas('0\r\n\r\n'), /chunked\r\n[\s\S]*\r\none(?:\r\n3\r\n)?two\r\n0\r\n\r\n$/);
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await client.untilEnd();
      assert.equal(client.received.match(/HTTP\/1\.1 200/g)?.length, 2);
    });

    it('to HTTP/1.0 end with the connection, unless it asked for more and they have a length', async (t) => {
      const { port, client } = await start(t, (request, answer) => {
        answer.head(200, []);
        answer.write(Buffer.from('hello'));
        if (request.target === '/flush') answer.flush();
        answer.end();
      });
      client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      await client.untilHas('hello');
      client.send('GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      assert.doesNotMatch(await client.untilEnd(), /chunked/i);
      assert.equal(client.received.match(/hello/g)?.length, 2);
      const plain = await RawClient.connect(t, port);
      plain.send('GET / HTTP/1.0\r\n\r\n');
      assert.match(await plain.untilEnd(), /hello$/);
    });

    it('pass on every field as it is, and repeated ones', async (t) => {
      const { client } = await start(t, (_request, answer) => {
        send(answer, 200, 'hello', ['Set-Cookie', 'a=1', 'set-cookie', 'b=caf\xc3\xa9', 'X-Empty', '']);
      });
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = await client.untilHas('hello');
      for (const line of ['Set-Cookie: a=1', 'set-cookie: b=caf\xc3\xa9', 'X-Empty: ']) {
        const wanted = spoken === '2.0' ? line.replace(/^[^:]+/, (field) => field.toLowerCase()) : line;
        assert.ok(text.includes(`\r\n${wanted}\r\n`), wanted);
      }
    });

    it('may have 103 ahead', async (t) => {
      const { client } = await start(t, (_request, answer) => {
        answer.head(103, ['Link', '</a.css>; rel=preload; as=style']);
        send(answer, 200, 'hello');
      });
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = await client.untilHas('hello');
      assert.match(
        text,
        /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload; as=style\r\n\r\nHTTP\/1\.1 200 /i,
      );
    });

    const bodiless: readonly [string, string, number][] = [
      ['204', 'GET', 204],
      ['304', 'GET', 304],
      ['HEAD', 'HEAD', 200],
    ];
    for (const [why, method, status] of bodiless) {
      it(`have no body: ${why}`, async (t) => {
        const { client } = await start(t, (request, answer) => {
          if (request.target === '/next') send(answer, 200, 'next');
          else send(answer, status, 'a body', status === 204 ? [] : ['Content-Length', '6']);
        });
        client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n`);
        const text = await client.untilHas('next');
        assert.doesNotMatch(text, /a body|chunked/);
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*?\\r\\n\\r\\nHTTP/1\\.1 200 `));
      });
    }

    it('are cut at a Content-Length that is shorter, and the connection is closed', async (t) => {
      const { client } = await start(t, (_request, answer) =>
        send(answer, 200, 'hello world', ['Content-Length', '5']),
      );
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = spoken === '2.0' ? await client.untilHas('hello') : await client.untilEnd();
      assert.match(text, /\r\n\r\nhello$/);
    });

    it('are aborted at a Content-Length that is longer', async (t) => {
      const { client } = await start(t, (_request, answer) => send(answer, 200, 'hello', ['Content-Length', '9']));
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const text = await client.untilEnd();
      assert.ok(text === '' || /Content-Length: 9\r\n[\s\S]*\r\n\r\nhello$/i.test(text), text);
    });

    const cuts: readonly [why: string, version: string, headers: readonly string[]][] = [
      ['in chunks: without the last one', '1.1', []],
      ['by length: before it is reached', '1.1', ['Content-Length', '100']],
      ['to the end of the connection: by a reset', '1.0', []],
    ];
    for (const [why, version, headers] of cuts) {
      it(`that are aborted look so, ${why}`, async (t) => {
        const { client } = await start(t, (_request, answer) => {
          answer.head(200, headers);
          answer.write(Buffer.from('part'));
          answer.flush();
          setTimeout(() => answer.abort(new PosternError('CONNECTION_LOST', 'gone')), 20);
        });
        client.send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
        const text = await client.untilEnd();
        assert.doesNotMatch(text, /0\r\n\r\n$/);
        if (version === '1.0') assert.equal(client.end, 'ECONNRESET');
        else assert.match(text, /part/);
      });
    }

    it('wait for a slow reader, and go on when it reads', async (t) => {
      let written = 0;
      let waits = 0;
      const chunk = Buffer.alloc(65_536, 'x');
      const { client } = await start(t, (_request, answer) => {
        const pump = (): void => {
          while (written < 400) {
            written += 1;
            if (!answer.write(chunk)) {
              waits += 1;
              return;
            }
          }
          answer.end();
        };
        answer.listener = listening({ drained: pump });
        answer.head(200, ['Content-Length', String(400 * chunk.length)]);
        pump();
      });
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(waits > 0 && written < 400, `${written} chunks were written to a client that does not read`);
      client.socket.resume();
      const text = await client.untilEnd();
      assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, 400 * chunk.length);
    });
  });

  describe(`${name}: clients`, () => {
    it('that go away are told of, once (rule 20)', async (t) => {
      const { seen, client } = await start(t, () => {});
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      while (seen.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      client.socket.resetAndDestroy();
      while (seen.gone === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(seen.gone, 1);
    });

    it('that cut their upload never had a whole one (rule 21)', async (t) => {
      for (const framing of ['Content-Length: 9\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
        const { seen, client } = await start(t);
        client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}`);
        while (seen.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        client.socket.end();
        assert.doesNotMatch(await client.untilEnd(), /^HTTP\/1\.1 200/);
        await until(() => seen.bodyErrors.length === 1, 'the body fails');
        assert.deepEqual(seen.bodies, []);
      }
    });

    it('that send what nobody reads get to see the answer', async (t) => {
      const port = await makeFront(t, (_request, answer) => send(answer, 413, 'too large'), {});
      const client = await RawClient.connect(t, port);
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${'x'.repeat(500_000)}`);
      assert.match(await client.untilHas('too large'), /^HTTP\/1\.1 413 /);
    });

    it('that send their head too slowly are closed (rule 23)', async (t) => {
      const { client, seen } = await start(t, sayHello, { headTimeoutMs: 300 });
      client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
      assert.match(await client.untilEnd(), /^(?:HTTP\/1\.1 408 |$)/);
      assert.deepEqual(seen.requests, []);
    });
  });
}
