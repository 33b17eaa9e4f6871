// FastCGI as a way in to the gateway.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { type FastcgiFrontOptions, listenFastcgi } from '../../src/front/fastcgi.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';
import { STDIN } from '../../src/protocol/fastcgi/record.ts';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { listening } from '../support/recording-answer.ts';
import { makeSite } from '../support/site.ts';

async function frontOf(
  t: TestContext,
  handler: HttpHandler,
  options: Partial<FastcgiFrontOptions> = {},
): Promise<FastcgiPeer> {
  const front = await listenFastcgi({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { handler, ...options });
  t.after(() => front.destroy());
  assert.ok(front.address?.kind === 'tcp');
  return FastcgiPeer.connect(t, front.address.port);
}

/** Answers with the request as JSON, but for its body. */
function describeRequest(request: HttpRequest, answer: HttpAnswer): void {
  answer.head(200, ['content-type', 'application/json']);
  answer.write(Buffer.from(JSON.stringify({ ...request, body: request.body !== null })));
  answer.end();
}

describe('listenFastcgi()', () => {
  it('gives the gateway the request that the web server got', async (t) => {
    const peer = await frontOf(t, describeRequest);
    const environment = {
      REQUEST_METHOD: 'POST',
      REQUEST_URI: '/a%20b?c=d',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'site.example',
      HTTP_X_A: 'b',
      HTTP_CONTENT_LENGTH: '3',
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '3',
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '4000',
      SERVER_ADDR: '192.0.2.2',
      SERVER_PORT: '443',
      HTTPS: 'on',
    };
    peer.request(1, environment, { stdin: 'abc' });
    const { stdout } = await peer.ended(1);
    const seen = JSON.parse(stdout.slice(stdout.indexOf('\r\n\r\n'))) as Omit<HttpRequest, 'body'>;
    assert.deepEqual(seen, {
      method: 'POST',
      target: '/a%20b?c=d',
      version: '1.1',
      headers: ['x-a', 'b', 'host', 'site.example', 'content-type', 'text/plain', 'content-length', '3'],
      peer: {
        remoteAddress: '192.0.2.1',
        remotePort: 4000,
        localAddress: '192.0.2.2',
        localPort: 443,
        secure: true,
      },
      body: true,
      contentLength: 3,
      webServer: { address: '127.0.0.1', variables: environment },
    });
  });

  it('says no plain 200, over which a web server keeps the status of its own error page', async (t) => {
    const peer = await frontOf(t, describeRequest);
    peer.request(1);
    assert.match((await peer.ended(1)).stdout, /^content-type: application\/json\r\n\r\n/);
  });

  it('takes a version of HTTP from the peer, and no other text', async (t) => {
    const versions: string[] = [];
    const peer = await frontOf(t, (request, answer) => {
      versions.push(request.version);
      describeRequest(request, answer);
    });
    for (const [id, SERVER_PROTOCOL] of ['HTTP/2.0', 'HTTP/1.0', 'HTTP/1.1"\n', 'INCLUDED'].entries()) {
      peer.request(id + 1, { SERVER_PROTOCOL });
      await peer.ended(id + 1);
    }
    assert.deepEqual(versions, ['2.0', '1.0', '1.1', '1.1']);
  });

  it('makes a target of the parts where there is no REQUEST_URI', async (t) => {
    const targets: string[] = [];
    const peer = await frontOf(t, (request, answer) => {
      targets.push(request.target);
      describeRequest(request, answer);
    });
    peer.request(1, { REQUEST_URI: '', SCRIPT_NAME: '/a b', PATH_INFO: '/ü?', QUERY_STRING: 'x=1' });
    await peer.ended(1);
    peer.request(1, { REQUEST_URI: 'http://other.example/c?d' });
    await peer.ended(1);
    assert.deepEqual(targets, ['/a%20b/%FC%3F?x=1', '/c?d']);
  });

  it('an answer that the gateway aborts is never completed', async (t) => {
    const peer = await frontOf(t, (_, answer) => {
      answer.head(200, []);
      answer.write(Buffer.from('half'));
      answer.abort(new PosternError('ANSWER_TRUNCATED', 'test'));
    });
    peer.request(1);
    await peer.raw.untilEnd();
    assert.equal(peer.answer(1).end, null);
  });

  it('tells the gateway when the web server leaves', async (t) => {
    const gone = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const peer = await frontOf(t, (_, answer) => {
      answer.listener = listening({ gone: gone.resolve });
      began.resolve();
    });
    peer.request(1);
    await began.promise;
    peer.raw.socket.destroy();
    await gone.promise;
  });

  it('goes on when a body breaks that nobody listens to any more', async (t) => {
    const gone = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const peer = await frontOf(t, (request, answer) => {
      answer.listener = listening({ gone: gone.resolve });
      request.body?.resume();
      began.resolve();
    });
    peer.request(1, { CONTENT_LENGTH: '10' }, { stdin: null });
    await began.promise;
    peer.raw.socket.destroy();
    await gone.promise;
    // Without a listener the error would end the process by now.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('answers 400 where STDIN is not as long as CONTENT_LENGTH, when it comes with the request and when it comes later', async (t) => {
    const { root, gateway, backend } = makeSite(t, { 'up.php': '' });
    for (const [length, stdin] of [
      ['2', 'abc'],
      ['0', 'abc'],
      ['9', 'abc'],
    ] as const) {
      const peer = await frontOf(t, (request, answer) => gateway.handle(request, answer));
      const environment = {
        REQUEST_METHOD: 'POST',
        REQUEST_URI: '/up.php',
        SCRIPT_NAME: '/up.php',
        SCRIPT_FILENAME: join(root, 'up.php'),
        CONTENT_LENGTH: length,
      };
      peer.request(1, environment, { stdin });
      assert.match((await peer.ended(1)).stdout, /^Status: 400 /, `${length} at once`);
      peer.request(2, environment, { stdin: null });
      peer.send((writer) => writer.text(STDIN, 2, stdin));
      peer.send((writer) => writer.end(STDIN, 2));
      // Of a request that says it has no body, nobody waits for one.
      if (length !== '0') assert.match((await peer.ended(2)).stdout, /^Status: 400 /, `${length} later`);
    }
    assert.ok(backend.requests.length <= 1);
  });

  it('refuses the roles of applications', async (t) => {
    const peer = await frontOf(t, describeRequest);
    peer.request(1, {}, { role: 'authorizer', stdin: null });
    assert.equal((await peer.ended(1)).end!.protocolStatus, 3);
  });

  it('a listener that is not loopback or a Unix socket needs allowedClients', async () => {
    const anywhere = { kind: 'tcp', host: '0.0.0.0', port: 0 } as const;
    await assert.rejects(listenFastcgi(anywhere, { handler: describeRequest }), { code: 'CONFIG_INVALID' });
    const front = await listenFastcgi(anywhere, { handler: describeRequest, allowedClients: ['127.0.0.1'] });
    await front.close();
  });
});
