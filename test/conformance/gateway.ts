// What a site must do behind every HTTP/1.1 front: the rules that need both, front and gateway.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { Site } from '../../src/gateway/site.ts';
import { RawClient } from '../support/raw-client.ts';
import { makeSite } from '../support/site.ts';
import type { MakeFront } from './front.ts';

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Runs the suite. */
export function gatewayConformance(name: string, makeFront: MakeFront): void {
  async function start(t: TestContext, given: Partial<Site> = {}) {
    const files = { 'index.php': '', 'a.css': 'a{}', 'large.bin': Buffer.alloc(3_000_000, 'large') };
    const site = makeSite(t, files, given);
    const port = await makeFront(t, site.gateway.handle, {});
    const ask = async (bytes: string): Promise<string> => {
      const client = await RawClient.connect(t, port);
      client.send(bytes);
      return client.untilEnd();
    };
    return { ...site, port, ask };
  }
  const get = (target: string, ...lines: readonly string[]): string =>
    [`GET ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...lines, '', ''].join('\r\n');

  describe(`${name} and gateway`, () => {
    it('refuse two Host headers or an invalid one (rule 12)', async (t) => {
      const { ask, backend } = await start(t);
      for (const lines of [['Host: a'], ['Host: b'], ['host: a/../b']]) {
        assert.match(await ask(get('/', ...lines)), /^HTTP\/1\.1 400 /);
      }
      assert.match(await ask('GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /);
      assert.match(await ask('GET / HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /);
      assert.deepEqual(backend.requests, []);
    });

    it('refuse more than 200 fields with 431 (rule 14)', async (t) => {
      const { ask, backend } = await start(t);
      assert.match(await ask(get('/', ...Array<string>(198).fill('X: y'))), /^HTTP\/1\.1 200 /);
      assert.match(await ask(get('/', ...Array<string>(199).fill('X: y'))), /^HTTP\/1\.1 431 /);
      assert.equal(backend.requests.length, 1);
    });

    it('drop forged and ambiguous fields (rule 9)', async (t) => {
      const { ask, backend } = await start(t);
      await ask(
        get('/', 'Proxy: evil', 'X_Real_Ip: 1', 'X.Y: 1', '__proto__: 1', 'Redirect-Status: 1', 'X-Sendfile: 1'),
      );
      const names = Object.keys(backend.requests[0]!.environment).filter((one) => one.startsWith('HTTP_'));
      assert.deepEqual(names, ['HTTP_HOST']);
    });

    it('refuse %00 and any control byte, and climbing, with 400 (rule 1)', async (t) => {
      const { ask } = await start(t);
      for (const target of ['/%00', '/a%0d%0ab', '/../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd']) {
        assert.match(await ask(get(target)), /^HTTP\/1\.1 400 /, target);
      }
      for (const target of ['/upload/x.jpg/y.php', '/a%2Fb', '/a%5Cb', '/.git/HEAD', '/index.php~']) {
        assert.match(await ask(get(target)), /^HTTP\/1\.1 404 /, target);
      }
    });

    it('give a program a whole upload, by length or in chunks, and leave no file (rule 22)', async (t) => {
      const { port, backend, root } = await start(t);
      const upload = randomBytes(3_000_000);
      backend.script = ({ request, body }) => `${request.environment.CONTENT_LENGTH} ${hash(body)}`;
      const url = `http://127.0.0.1:${port}/index.php`;
      const chunks = new ReadableStream({
        start(controller) {
          for (let at = 0; at < upload.length; at += 70_000) controller.enqueue(upload.subarray(at, at + 70_000));
          controller.close();
        },
      });
      for (const body of [upload, chunks]) {
        // fetch() wants "duplex" for a stream, which the types do not know.
        const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' };
        const response = await fetch(url, init);
        assert.equal(await response.text(), `3000000 ${hash(upload)}`);
      }
      assert.deepEqual(readdirSync(root).sort(), ['a.css', 'index.php', 'large.bin']);
    });

    it('answer 413 to a client that still sends, before and while its body comes', async (t) => {
      const { port, backend } = await start(t, { maxBodyBytes: 100_000 });
      for (const framing of ['Content-Length: 5000000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n4c4b40\r\n']) {
        const client = await RawClient.connect(t, port);
        client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}${'x'.repeat(400_000)}`);
        assert.match(await client.untilHas('larger than this server accepts'), /^HTTP\/1\.1 413 /);
      }
      assert.deepEqual(backend.requests, []);
    });

    it('give an upload that was cut to no program (rule 21)', async (t) => {
      const { ask, port, backend } = await start(t);
      const client = await RawClient.connect(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
      client.socket.end();
      assert.doesNotMatch(await client.untilEnd(), /^HTTP\/1\.1 200 /);
      assert.match(await ask(get('/')), /^HTTP\/1\.1 200 /);
      assert.equal(backend.requests.length, 1);
    });

    it('send files whole, in part, measured and not at all', async (t) => {
      const { ask } = await start(t);
      const whole = await ask(get('/large.bin'));
      assert.equal(whole.length - whole.indexOf('\r\n\r\n') - 4, 3_000_000);
      assert.match(await ask(get('/large.bin', 'Range: bytes=0-4')), /^HTTP\/1\.1 206 [\s\S]*\r\n\r\nlarge$/);
      const head = await ask(get('/large.bin').replace('GET', 'HEAD'));
      assert.match(head, /^HTTP\/1\.1 200 [\s\S]*\r\nContent-Length: 3000000\r\n[\s\S]*\r\n\r\n$/i);
      const etag = /\r\nETag: (.*?)\r\n/i.exec(head)?.[1];
      assert.match(await ask(get('/large.bin', `If-None-Match: ${etag}`)), /^HTTP\/1\.1 304 [\s\S]*\r\n\r\n$/);
    });

    it('stop the program of a client that goes away (rule 20)', async (t) => {
      const { port, backend, gateway } = await start(t);
      const started = new Promise<void>((resolve) => {
        backend.script = async (run) => {
          resolve();
          await run.resumed();
          return undefined;
        };
      });
      const client = await RawClient.connect(t, port);
      client.send(get('/'));
      await started;
      client.socket.resetAndDestroy();
      while (backend.aborted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(gateway.active, 0);
    });
  });
}
