import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { BodyMemory } from '../../src/gateway/body-memory.ts';
import { collectBody } from '../../src/gateway/collect-body.ts';
import type { Site } from '../../src/gateway/site.ts';
import { BLOCK_BYTES, SpoolBlocks } from '../../src/gateway/spool-blocks.ts';
import { fastcgiApplication } from '../support/fastcgi-application.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { makeSite, route } from '../support/site.ts';
import { until } from '../support/until.ts';
import { upstreamPool } from '../support/upstreams.ts';

/** A gateway behind a front that lends the bytes of its bodies; its script answers with what it was given. */
async function uploading(t: TestContext, given: Partial<Site> = {}) {
  const spoolFolder = temporaryFolder(t);
  const site = makeSite(t, undefined, { spoolFolder, memoryBodyBytes: 1000, ...given });
  site.backend.script = ({ request, body }) =>
    `${body.length} ${isPattern(body)} ${request.body?.bytes === null ? 'file' : 'memory'}`;
  const { port } = await startFront(t, { handler: site.gateway.handle });
  return { ...site, spoolFolder, client: () => RawClient.connect(t, port) };
}

/** Bytes that say where they are. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

function isPattern(bytes: Buffer): boolean {
  return bytes.equals(pattern(bytes.length));
}

const post = 'POST / HTTP/1.1\r\nHost: a\r\n';

describe('a body that its front lends', () => {
  it('comes whole, in memory or in a file, and the next request is found behind it', async (t) => {
    const { client } = await uploading(t);
    const one = await client();
    for (const length of [1, 1000, 1001, 65_536, BLOCK_BYTES, 2 * BLOCK_BYTES + 7]) {
      one.send(`${post}Content-Length: ${length}\r\n\r\n`);
      one.socket.write(pattern(length));
      await one.untilHas(`\r\n${length} true ${length <= 1000 ? 'memory' : 'file'}`);
    }
  });

  it('comes whole out of its chunks', async (t) => {
    const { client } = await uploading(t);
    const one = await client();
    one.send(`${post}Transfer-Encoding: chunked\r\n\r\n`);
    const bytes = pattern(2_000_000);
    for (let at = 0; at < bytes.length; at += 50_000) {
      one.send(`${(50_000).toString(16)}\r\n`);
      one.socket.write(bytes.subarray(at, at + 50_000));
      one.send('\r\n');
    }
    one.send('0\r\n\r\n');
    await one.untilHas('2000000 true file');
  });

  it('is asked for with "100 Continue"', async (t) => {
    const { client } = await uploading(t);
    const one = await client();
    one.send(`${post}Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n`);
    await one.untilHas('100 Continue');
    one.socket.write(pattern(200_000));
    await one.untilHas('200000 true file');
  });

  it('is refused with 413 when it turns out too large, and leaves nothing on disk', async (t) => {
    const { client, backend, spoolFolder } = await uploading(t, { maxBodyBytes: 3_000_000 });
    const one = await client();
    one.send(`${post}Transfer-Encoding: chunked\r\n\r\n${(4_000_000).toString(16)}\r\n`);
    one.socket.write(pattern(4_000_000));
    assert.match(await one.untilEnd(), /^HTTP\/1.1 413 /);
    assert.deepEqual([backend.requests.length, readdirSync(spoolFolder)], [0, []]);
  });

  for (const [title, cut] of [
    ['its client ends it', (one: RawClient) => void one.socket.end()],
    ['its client is gone', (one: RawClient) => void one.socket.resetAndDestroy()],
  ] as const) {
    it(`never reaches a program when ${title} half way (rule 21)`, async (t) => {
      const { client, gateway, backend, access, spoolFolder } = await uploading(t);
      const one = await client();
      one.send(`${post}Content-Length: 5000000\r\n\r\n`);
      one.socket.write(pattern(2_500_000));
      await until(() => one.socket.writableLength === 0);
      cut(one);
      await until(() => gateway.active === 0 && access.length === 1);
      assert.deepEqual([backend.requests.length, readdirSync(spoolFolder)], [0, []]);
    });
  }

  it('is 507 when there is no folder to spool to, although its client is still sending', async (t) => {
    const { client, backend } = await uploading(t, { spoolFolder: '/nowhere' });
    const one = await client();
    one.send(`${post}Content-Length: 50000000\r\n\r\n`);
    one.socket.write(pattern(20_000_000));
    await one.until(() => one.received.startsWith('HTTP/1.1 507 '));
    assert.equal(backend.requests.length, 0);
  });

  it('is sent again from its file when the connection to a server broke before any answer', async (t) => {
    let connections = 0;
    const breaking = await scriptedApplication((socket) => {
      connections += 1;
      // It breaks in the middle of the body.
      socket.once('data', () => socket.destroy());
    });
    t.after(() => breaking.close());
    const good = await fastcgiApplication((_request, body) => ({
      body: `${body.length} bytes`,
    }));
    t.after(() => good.close());
    const servers = [{ address: breaking.address }, { address: good.address }];
    const backend = upstreamPool({ name: 'remote', servers });
    t.after(() => backend.destroy());
    const { client, spoolFolder } = await uploading(t, { routes: [route('/app/*', 'mount', backend)] });
    const one = await client();
    // Text that is the same in every encoding.
    const bytes = Buffer.alloc(3_000_000, 'postern ');
    one.send(`PUT /app/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    one.socket.write(bytes);
    assert.match(await one.untilHas('\r\n\r\n'), /^HTTP\/1.1 200 /);
    await one.untilHas('3000000 bytes');
    assert.deepEqual([connections, backend.counters.retried, readdirSync(spoolFolder)], [1, 1, []]);
    assert.equal(good.requests[0]?.body, bytes.toString());
  });

  it('waits its turn when many come at once, and all come whole', async (t) => {
    const { client } = await uploading(t);
    const clients = await Promise.all(Array.from({ length: 50 }, client));
    const half = pattern(3_000_000).subarray(0, 1_500_000);
    for (const one of clients) one.socket.write(`${post}Content-Length: 3000000\r\n\r\n`);
    for (const one of clients) one.socket.write(half);
    // More uploads than there are blocks stand in the middle of one: this one comes through all the same.
    const quick = await client();
    quick.send(`${post}Content-Length: 2000000\r\n\r\n`);
    quick.socket.write(pattern(2_000_000));
    await quick.untilHas('2000000 true file');
    for (const one of clients) one.socket.write(pattern(3_000_000).subarray(1_500_000));
    for (const one of clients) await one.untilHas('3000000 true file');
  });
});

describe('a body that comes as a stream', () => {
  it('is paused while there is no room for it, and comes whole', async (t) => {
    const { gateway, backend } = makeSite(t, undefined, { memoryBodyBytes: 100 });
    backend.script = ({ body }) => `${body.length} ${isPattern(body)}`;
    const body = new PassThrough();
    const asked = ask(gateway.handle, httpRequest('/', { method: 'POST', body, contentLength: 6_000_000 }));
    // Chunks far larger than a block, one of which is being written and one is full.
    for (let at = 0; at < 6_000_000; at += 3_000_000) body.write(pattern(6_000_000).subarray(at, at + 3_000_000));
    assert.equal(body.isPaused(), true);
    body.end();
    assert.equal((await asked).text, '6000000 true');
  });

  it('goes to disk, however small, where all bodies together take what they may of memory; what they took is given back', async (t) => {
    const memory = new BodyMemory(1_000);
    const limits = { maxBodyBytes: 10_000, memoryBodyBytes: 1_000, bodyTimeoutMs: 0, spoolFolder: temporaryFolder(t) };
    const collect = (bytes: number) => {
      const source = new PassThrough();
      source.end(pattern(bytes));
      return collectBody(source, bytes, limits, new SpoolBlocks(), systemClock, memory);
    };
    const first = await collect(800);
    const second = await collect(400);
    assert.deepEqual([first.bytes?.length, second.bytes, memory.bytes], [800, null, 800]);
    first.close();
    first.close();
    second.close();
    assert.equal(memory.bytes, 0);
    assert.equal((await collect(400)).bytes?.length, 400);
  });
});
