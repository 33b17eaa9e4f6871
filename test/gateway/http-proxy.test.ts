import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { ask, httpRequest, postRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { rulesOf, type WrittenRule } from '../support/rules.ts';
import { makeSite, type TestSite } from '../support/site.ts';
import { until } from '../support/until.ts';

/** A server, and a site that hands all below "/app/" on to it. */
async function proxied(
  t: TestContext,
  listener: RequestListener,
  more: Partial<Exclude<WrittenRule['proxy'], string>> = {},
  rules: WrittenRule[] = [],
): Promise<TestSite & { readonly server: Server; readonly url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const site = makeSite(t, {}, { rules: rulesOf([...rules, { match: '/app/*', proxy: { url, ...more } }]) });
  return { ...site, server, url };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

describe('a proxy', () => {
  it('hands a request on as it came, with who asked and without what is between neighbours', async (t) => {
    let seen: { url: string | undefined; headers: IncomingMessage['headers'] } | null = null;
    const { gateway } = await proxied(t, (request, response) => {
      seen = { url: request.url, headers: request.headers };
      response.writeHead(201, 'Made', { 'X-A': '1', Connection: 'x-hop', 'X-Hop': '1', 'Set-Cookie': ['a=1', 'b=2'] });
      response.end('made');
    });
    const headers = [
      ...['Host', 'example.org', 'X-Kept', 'caf\xe9', 'Connection', 'close, X-Mine', 'X-Mine', '1', 'TE', 'trailers'],
      ...['X-Forwarded-For', '1.2.3.4', 'X_Forwarded_For', '1.2.3.4', 'Forwarded', 'for=1.2.3.4'],
    ];
    const answer = await ask(gateway.handle, httpRequest('/app/a%2Fb?c=%20d', { headers }));
    assert.deepEqual(
      [answer.status, answer.text, answer.field('X-A'), answer.field('X-Hop')],
      [201, 'made', '1', undefined],
    );
    assert.deepEqual(
      answer.headers.filter((_, i) => answer.headers[i - 1] === 'Set-Cookie'),
      ['a=1', 'b=2'],
    );
    const { url, headers: got } = seen!;
    assert.equal(url, '/app/a%2Fb?c=%20d');
    assert.deepEqual(
      [got.host, got['x-kept'], got['x-mine'], got['x-forwarded-for'], got['x-forwarded-proto'], got.forwarded, got.te],
      ['example.org', 'caf\xe9', undefined, '192.0.2.1', 'http', undefined, undefined],
    );
    assert.equal(got.x_forwarded_for, undefined);
  });

  it('sends the path that a rule made, and bodies whole', async (t) => {
    const { gateway } = await proxied(
      t,
      (request, response) => {
        void bodyOf(request).then((body) =>
          response.end(`${request.method} ${request.url} ${request.headers['content-length']} ${body}`),
        );
      },
      {},
      [{ match: '/api/*', rewrite: '/app/v1/$1' }],
    );
    assert.equal((await ask(gateway.handle, postRequest('/api/x%20y?z', 'body'))).text, 'POST /app/v1/x%20y?z 4 body');
    const unknown = postRequest('/app/x', 'chunked', { contentLength: null });
    assert.equal((await ask(gateway.handle, unknown)).text, 'POST /app/x 7 chunked');
  });

  it('streams a body where it is told to', async (t) => {
    const { gateway } = await proxied(
      t,
      (request, response) =>
        void bodyOf(request).then((body) => response.end(`${request.headers['transfer-encoding']} ${body}`)),
      { streamUploads: true },
    );
    const answer = await ask(gateway.handle, postRequest('/app/x', 'streamed', { contentLength: null }));
    assert.equal(answer.text, 'chunked streamed');
  });

  it('goes on when the client reads on, and holds no more than may be held', async (t) => {
    const { gateway } = await proxied(t, (_request, response) => {
      const piece = Buffer.alloc(65_536, 'x');
      let left = 200;
      const more = (): void => {
        while (left > 0) {
          left -= 1;
          if (!response.write(piece)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/app/big'), answer);
    await until(() => answer.body.length > 0);
    answer.takesMore = true;
    answer.listener?.drained();
    assert.equal((await answer.done).body.length, 200 * 65_536);
  });

  it('stops the server when the client goes away (rule 20)', async (t) => {
    let closed = false;
    const { gateway } = await proxied(t, (_request, response) => {
      response.on('close', () => {
        closed = true;
      });
      response.write('begun');
    });
    const answer = new RecordingAnswer();
    gateway.handle(httpRequest('/app/x'), answer);
    await until(() => answer.body.length > 0);
    answer.listener?.gone();
    await until(() => closed);
    assert.equal(gateway.active, 0);
  });

  it('tells a server that is not there from one that is silent, breaks off, or speaks no HTTP', async (t) => {
    const { gateway, server, access } = await proxied(
      t,
      (request, response) => {
        if (request.url === '/app/cut') {
          response.writeHead(200, { 'Content-Length': '10' });
          response.write('12345', () => request.socket.destroy());
        } else if (request.url === '/app/lost') {
          request.socket.destroy();
        } else if (request.url === '/app/junk') {
          request.socket.end('junk\r\n\r\n');
        }
      },
      { readTimeout: '1s' },
    );
    assert.equal((await ask(gateway.handle, '/app/silent')).status, 504);
    const cut = await ask(gateway.handle, '/app/cut');
    assert.deepEqual([cut.status, cut.ended, cut.error?.code], [200, false, 'CONNECTION_LOST']);
    assert.equal((await ask(gateway.handle, postRequest('/app/lost', 'x'))).status, 502);
    assert.equal((await ask(gateway.handle, '/app/junk')).status, 502);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assert.equal((await ask(gateway.handle, '/app/x')).status, 502);
    assert.deepEqual(
      access.map(({ error }) => error),
      ['ANSWER_TIMEOUT', 'CONNECTION_LOST', 'CONNECTION_LOST', 'PROTOCOL_ERROR', 'CONNECT_FAILED'],
    );
  });

  it('asks again on another connection where the server had closed the kept one', async (t) => {
    let requests = 0;
    const server = createTcpServer((socket: Socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        requests += 1;
        // The connection looks kept, and is gone when the next request comes.
        if (requests % 2 === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.destroy();
        socket.once('data', () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { gateway } = makeSite(t, {}, { rules: rulesOf([{ match: '/*', proxy: url }]) });
    for (let i = 0; i < 3; i += 1) assert.equal((await ask(gateway.handle, '/x')).text, 'ok');
  });

  it('reaches a server on a Unix socket', async (t) => {
    const path = join(temporaryFolder(t), 'app.sock');
    const server = createServer((_request, response) => response.end('by socket'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => server.closeAllConnections());
    t.after(() => server.close());
    const { gateway } = makeSite(t, {}, { rules: rulesOf([{ match: '/*', proxy: `unix:${path}` }]) });
    assert.equal((await ask(gateway.handle, '/x')).text, 'by socket');
  });
});
