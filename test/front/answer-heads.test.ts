// Heads of answers that a front, or the library below it, refuses, or takes for something else: one request is lost, and told of, or nothing is.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { PosternError } from '../../src/errors.ts';
import { fetchHandler } from '../../src/front/fetch-handler.ts';
import { nodeHandler } from '../../src/front/node-handler.ts';
import type { HttpAnswer, HttpHandler } from '../../src/gateway/message.ts';
import { startHttp2 } from '../conformance/http2-cases.ts';
import { makeSite } from '../support/site.ts';
import { until } from '../support/until.ts';

/** What came of one request. */
interface Came {
  readonly status: number;
  /** Name, value, name, value. */
  readonly raw: readonly string[];
  readonly hints: readonly IncomingHttpHeaders[];
  readonly body: string;
  readonly code: number;
}

function ask(session: ClientHttp2Session, path = '/index.php'): Promise<Came> {
  const stream = session.request({ ':path': path });
  const hints: IncomingHttpHeaders[] = [];
  let status = 0;
  let raw: readonly string[] = [];
  let body = '';
  stream.on('headers', (fields) => hints.push(fields));
  stream.on('response', (fields, _flags, came) => {
    status = Number(fields[':status']);
    raw = came as unknown as string[];
  });
  stream.on('data', (chunk) => (body += chunk));
  stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.on('close', () => resolve({ status, raw, hints, body, code: stream.rstCode }));
  });
}

async function start(t: TestContext, handler: HttpHandler): Promise<ClientHttp2Session> {
  const { port } = await startHttp2(t, { handler });
  const session = connect(`http://127.0.0.1:${port}`, {
    maxHeaderListPairs: 1_000,
    settings: { maxHeaderListSize: 1_000_000 },
  });
  t.after(() => session.destroy());
  return session;
}

const sends =
  (headers: readonly string[], hints: readonly string[] = []): HttpHandler =>
  (_request, answer) => {
    if (hints.length > 0) answer.head(103, hints);
    answer.head(200, headers);
    answer.write(Buffer.from('hello'));
    answer.end();
  };

function valueIn(raw: readonly string[], name: string): string | undefined {
  const at = raw.findIndex((one, index) => index % 2 === 0 && one === name);
  return at === -1 ? undefined : raw[at + 1];
}

describe('the head of an answer by HTTP/2', () => {
  it('is sent without a field that belongs to HTTP/1.1, of hints too', async (t) => {
    const fields = ['HTTP2-Settings', 'x', 'X-Kept', '1'];
    const came = await ask(await start(t, sends(fields, fields)));
    assert.deepEqual([came.status, came.body, came.code], [200, 'hello', 0]);
    assert.equal(valueIn(came.raw, 'x-kept'), '1');
    assert.equal(valueIn(came.raw, 'http2-settings'), undefined);
    assert.deepEqual([came.hints.length, came.hints[0]?.['x-kept']], [1, '1']);
  });

  it('has its fields, whatever each object has of that name', async (t) => {
    const names = ['Constructor', '__proto__', 'toString', 'hasOwnProperty'];
    const { raw } = await ask(await start(t, sends(names.flatMap((name) => [name, 'x']))));
    for (const name of names) assert.equal(valueIn(raw, name.toLowerCase()), 'x', name);
  });

  it('may be as large as a program may write it', async (t) => {
    const fields = Array.from({ length: 190 }, (_, index) => [`x-${index}`, 'v'.repeat(330)]).flat();
    const came = await ask(await start(t, sends(fields)));
    assert.deepEqual([came.status, came.body, valueIn(came.raw, 'x-189')?.length], [200, 'hello', 330]);
  });

  it('loses its hints where no client would take them, and nothing else', async (t) => {
    const came = await ask(await start(t, sends([], ['no name', 'x'])));
    assert.deepEqual([came.status, came.body, came.hints.length], [200, 'hello', 0]);
  });

  for (const [when, respond] of [
    ['with all of it', () => {}],
    ['with its first bytes', (answer) => void answer.flush()],
  ] as const satisfies readonly (readonly [string, (answer: HttpAnswer) => void])[]) {
    it(`is refused: its handler is told, and the connection goes on, ${when}`, async (t) => {
      const told: (PosternError | undefined)[] = [];
      const session = await start(t, (request, answer) => {
        answer.listener = { drained: () => {}, gone: (error) => told.push(error) };
        answer.head(200, request.target === '/bad' ? ['no name', 'x'] : []);
        answer.write(Buffer.from('hello'));
        respond(answer);
        answer.end();
      });
      const [bad, good] = await Promise.all([ask(session, '/bad'), ask(session, '/good')]);
      assert.deepEqual([bad.status, bad.code], [0, 2]);
      assert.deepEqual([good.status, good.body], [200, 'hello']);
      assert.equal(told.length, 1);
      assert.match(told[0]!.message, /the head of an answer could not be sent: .*no name/);
    });
  }

  for (const [how, length] of [
    ['at its end', null],
    ['while it runs', null],
    ['and works on after its last byte', '5'],
  ] as const) {
    it(`is refused: the program is stopped, with a line of the log, ${how}`, async (t) => {
      const { gateway, backend, log, access } = makeSite(t);
      backend.script = async ({ sink, resumed }) => {
        const headers = length === null ? ['no name', 'x'] : ['no name', 'x', 'Content-Length', length];
        sink.head({ status: 200, reason: '', headers });
        sink.write(Buffer.from('hello'));
        if (how === 'at its end') sink.end();
        else sink.flush();
        if (how !== 'at its end') await resumed();
        return undefined;
      };
      const came = await ask(await start(t, gateway.handle));
      assert.deepEqual([came.status, came.code], [0, 2]);
      await until(() => access.length === 1);
      assert.deepEqual([access[0]!.outcome, access[0]!.error], ['aborted', 'INTERNAL']);
      const [line, ...more] = log.matching(/the head of an answer could not be sent/);
      assert.deepEqual([line?.level, line?.fields.url, more.length], ['error', '/index.php', 0]);
      assert.equal(gateway.active, 0);
      if (how !== 'at its end') assert.equal(backend.aborted, 1);
    });
  }
});

describe('the head of an answer by another library', () => {
  it('that node:http refuses, or comes after the answer of somebody else, costs that request alone', async (t) => {
    const { gateway, backend, log, access } = makeSite(t);
    backend.script = ({ sink, request }) => {
      const isBad = request.url.includes('bad');
      sink.head({ status: 200, reason: '', headers: isBad ? ['X-A', 'a\r\nX-B: b'] : [] });
      sink.write(Buffer.from('hello'));
      sink.end();
      return undefined;
    };
    const handle = nodeHandler(gateway.handle);
    const server = createServer((request, response) => {
      handle(request, response);
      if (request.url?.includes('late') !== true) return;
      response.writeHead(503);
      void until(() => access.length === 2).then(() => response.end('late'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.php`;
    await assert.rejects(fetch(`${url}?bad`));
    const late = await fetch(`${url}?late`);
    assert.deepEqual([late.status, await late.text()], [503, 'late']);
    assert.equal(await (await fetch(url)).text(), 'hello');
    await until(() => access.length === 3);
    assert.deepEqual(
      access.map(({ outcome }) => outcome),
      ['aborted', 'aborted', 'complete'],
    );
    assert.equal(log.matching(/the head of an answer could not be sent/).length, 2);
  });

  it('that a Response cannot have costs that request alone', async (t) => {
    const { gateway, backend, log, access } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head({ status: 200, reason: '', headers: ['X-A', 'a\r\nX-B: b'] });
      sink.write(Buffer.from('hello'));
      sink.end();
      return undefined;
    };
    await assert.rejects(fetchHandler(gateway.handle)(new Request('http://a.example/')), { code: 'INTERNAL' });
    assert.deepEqual([access[0]?.outcome, access.length], ['aborted', 1]);
    assert.equal(log.matching(/the head of an answer could not be sent/).length, 1);
  });
});
