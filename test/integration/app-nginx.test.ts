// An application and nginx, when somebody leaves or something breaks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { type Context, defineApp } from '../../src/app/index.ts';
import { Instance } from '../../src/app/instance.ts';
import { FastcgiServer } from '../../src/fastcgi-server/fastcgi-server.ts';
import { findProgram } from '../support/folder.ts';
import { sendHttp } from '../support/http-driver.ts';
import { startNginx } from '../support/nginx.ts';

const skip = findProgram('nginx') === null ? 'nginx is not installed' : false;

describe('an application behind nginx, when things go wrong', { skip }, () => {
  const steps: (() => unknown)[] = [];
  const left = Promise.withResolvers<Context>();
  let port = 0;
  let errorLog = '';

  before(async () => {
    const app = defineApp({
      modules: [
        {
          name: 'watch',
          requestInit: () => null,
          requestShutdown: (context) => void (context.outcome === 'aborted' && left.resolve(context)),
        },
      ],
      fetch(incoming, context) {
        const { pathname } = new URL(incoming.url);
        if (pathname === '/throw') throw new Error('a secret of the program');
        if (pathname === '/broken') {
          const stream = new ReadableStream<Uint8Array>({
            start: (controller) => controller.enqueue(Buffer.from('half')),
            pull: (controller) => controller.error(new Error('disk')),
          });
          return new Response(stream, { headers: { 'content-length': '8' } });
        }
        return new Promise<Response>((_, reject) => {
          context.signal.addEventListener('abort', () => reject(new Error('left')));
        });
      },
    });
    const instance = await Instance.start(app, { mode: 'fastcgi' });
    const server = new FastcgiServer({ run: (cgi, sink) => instance.run(cgi, sink) });
    await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    steps.push(
      () => instance.close(),
      () => server.destroy(),
    );
    const { address } = server;
    assert.ok(address?.kind === 'tcp');
    const nginx = await startNginx(
      { after: (step: () => unknown) => void steps.push(step) } as never,
      `location / { include /etc/nginx/fastcgi_params; fastcgi_pass 127.0.0.1:${address.port}; fastcgi_buffering off; }`,
    );
    ({ port, errorLog } = nginx);
  });
  after(async () => {
    for (const step of steps.reverse()) await step();
  });

  it('a request’s STDERR is in nginx’s error log', async () => {
    assert.equal((await sendHttp(port, { path: '/throw' })).status, 500);
    assert.match(readFileSync(errorLog, 'utf8'), /FastCGI sent in stderr: "[^"]*a secret of the program/);
  });

  it('a client that leaves aborts the signal of its request, and requestShutdown runs', async () => {
    const outgoing = request({ host: '127.0.0.1', port, path: '/wait', agent: false });
    outgoing.on('error', () => {});
    outgoing.end();
    await new Promise((resolve) => setTimeout(resolve, 100));
    outgoing.destroy();
    assert.equal((await left.promise).signal.aborted, true);
  });

  it('an answer that breaks in the middle reaches the client as broken', async () => {
    await assert.rejects(sendHttp(port, { path: '/broken' }), /aborted|hang up/);
  });
});
