import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { Site } from '../../src/gateway/site.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ask, httpRequest, postRequest } from '../support/recording-answer.ts';
import { makeSite, route } from '../support/site.ts';

function spooling(t: TestContext, given: Partial<Site> = {}, clock?: FakeClock) {
  const spoolFolder = temporaryFolder(t);
  const site = makeSite(t, undefined, { spoolFolder, memoryBodyBytes: 100, ...given }, clock);
  const seen: { length: number; inMemory: boolean; contentLength: string | undefined; files: number }[] = [];
  site.backend.script = async ({ request, body }) => {
    seen.push({
      length: body.length,
      inMemory: request.body?.bytes !== null,
      contentLength: request.environment.CONTENT_LENGTH,
      files: readdirSync(spoolFolder).length,
    });
    return 'fine';
  };
  return { ...site, spoolFolder, seen };
}

/** A chunked upload: its length is not known before its end. */
const chunked = (chunks: Iterable<Buffer>) =>
  httpRequest('/', { method: 'POST', body: Readable.from(chunks), contentLength: null });

describe('a request body', () => {
  it('stays in memory when small, and is sent with its exact length', async (t) => {
    const { gateway, seen } = spooling(t);
    assert.equal((await ask(gateway.handle, postRequest('/', 'a=b'))).status, 200);
    assert.deepEqual(seen, [{ length: 3, inMemory: true, contentLength: '3', files: 0 }]);
  });

  it('goes to a file without a name when larger (rule 22: chunked uploads are spooled and sent with their length)', async (t) => {
    const { gateway, backend, seen } = spooling(t);
    await ask(gateway.handle, chunked(Array(50).fill(Buffer.alloc(1000, 'x'))));
    assert.deepEqual(seen, [{ length: 50_000, inMemory: false, contentLength: '50000', files: 0 }]);
    assert.equal(backend.requests[0]?.body?.length, 50_000);
  });

  it('can be read again from memory and from the file, so that a retry is possible', async (t) => {
    const { gateway, backend } = spooling(t);
    backend.script = async ({ request, body }) => {
      assert.equal(request.body?.replayable, true);
      const again = await request.body.stream().toArray();
      assert.deepEqual(Buffer.concat(again), body);
      return 'same';
    };
    for (const size of [5, 5000]) {
      assert.equal((await ask(gateway.handle, postRequest('/', Buffer.alloc(size, 'y')))).text, 'same');
    }
  });

  it('above maxBody is 413 before a byte is spooled when the length is known (rule 22)', async (t) => {
    const { gateway, seen } = spooling(t, { maxBodyBytes: 10 });
    let read = 0;
    const body = new Readable({
      read() {
        read += 1;
      },
    });
    const answer = await ask(gateway.handle, httpRequest('/', { method: 'POST', body, contentLength: 11 }));
    assert.equal(answer.status, 413);
    assert.deepEqual([read, seen], [0, []]);
    assert.equal(body.destroyed, false, 'the front still needs the connection to answer');
  });

  it('above maxBody is 413 when it turns out so', async (t) => {
    const { gateway, seen } = spooling(t, { maxBodyBytes: 5000 });
    const body = Readable.from(Array(50).fill(Buffer.alloc(1000)));
    assert.equal((await ask(gateway.handle, httpRequest('/', { method: 'POST', body }))).status, 413);
    assert.deepEqual(seen, []);
    assert.equal(body.destroyed, false);
  });

  it('cut in half never reaches a program as a whole one (rule 21)', async (t) => {
    const { gateway, seen } = spooling(t);
    const cut = new PassThrough();
    cut.write('half');
    setImmediate(() => cut.destroy());
    const short = Readable.from([Buffer.from('half')]);
    for (const body of [cut, short]) {
      const answer = await ask(gateway.handle, httpRequest('/', { method: 'POST', body, contentLength: 8 }));
      assert.equal(answer.status, 400);
    }
    assert.deepEqual(seen, []);
  });

  it('that pauses for bodyTimeoutMs is 408 (rule 23)', async (t) => {
    const clock = new FakeClock();
    const { gateway, seen } = spooling(t, { bodyTimeoutMs: 1000 }, clock);
    const body = new PassThrough();
    const asked = ask(gateway.handle, httpRequest('/', { method: 'POST', body, contentLength: 8 }));
    for (let i = 0; i < 3; i++) {
      body.write('x');
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(900);
    }
    clock.advance(200);
    assert.equal((await asked).status, 408);
    assert.deepEqual(seen, []);
  });

  it('is 507 when there is no folder to spool to', async (t) => {
    const { gateway, seen } = spooling(t, { spoolFolder: '/nowhere' });
    assert.equal((await ask(gateway.handle, chunked([Buffer.alloc(1000)]))).status, 507);
    assert.deepEqual(seen, []);
  });

  it('is given back when the site goes away while it comes', async (t) => {
    const clock = new FakeClock();
    const { gateway, root, log } = spooling(t, {}, clock);
    const body = new PassThrough();
    const asked = ask(gateway.handle, httpRequest('/', { method: 'POST', body }));
    rmSync(root, { recursive: true });
    clock.advance(1000);
    body.end(Buffer.alloc(1000));
    assert.equal((await asked).status, 500);
    assert.match(log.records.at(-1)?.message ?? '', /document root .* is not there/);
  });

  it('is streamed to a route that streams uploads, as it comes', async (t) => {
    const { backend } = makeSite(t);
    const routes = [route('/app/*', 'mount', backend, { streamUploads: true })];
    const { gateway } = makeSite(t, undefined, { routes, maxBodyBytes: 100 });
    backend.script = ({ request, body }) => `${request.body?.length} ${request.body?.replayable} ${body}`;
    assert.equal((await ask(gateway.handle, postRequest('/app/', 'known'))).text, '5 false known');
    const request = { ...chunked([Buffer.from('un'), Buffer.from('known')]), target: '/app/' };
    assert.equal((await ask(gateway.handle, request)).text, 'null false unknown');
    assert.ok(!('CONTENT_LENGTH' in backend.requests[1]!.environment));
    const large = { ...chunked([Buffer.alloc(60), Buffer.alloc(60)]), target: '/app/' };
    assert.equal((await ask(gateway.handle, large)).status, 413);
  });
});
