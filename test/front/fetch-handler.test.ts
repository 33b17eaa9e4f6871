import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fetchHandler } from '../../src/front/fetch-handler.ts';
import { makeSite } from '../support/site.ts';

const base = 'http://example.org:8080';

describe('fetchHandler()', () => {
  it('answers a Request with a Response', async (t) => {
    const { gateway, backend } = makeSite(t);
    backend.script = ({ request, body }) => `${request.method} ${request.environment.HTTP_HOST} ${body}`;
    const response = await fetchHandler(gateway.handle)(new Request(`${base}/?a=b`, { method: 'POST', body: 'x=y' }));
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/plain']);
    assert.equal(await response.text(), 'POST example.org:8080 x=y');
    assert.equal(backend.requests[0]?.environment.QUERY_STRING, 'a=b');
    assert.equal(backend.requests[0]?.environment.SERVER_PORT, '8080');
    assert.equal(backend.requests[0]?.environment.REMOTE_ADDR, '0.0.0.0', 'not known is not this machine');
  });

  it("keeps repeated Set-Cookie fields, and an error's status", async (t) => {
    const { gateway, backend } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head({ status: 404, reason: '', headers: ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'] });
      sink.end();
      return undefined;
    };
    const response = await fetchHandler(gateway.handle)(new Request(`${base}/`));
    assert.equal(response.status, 404);
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  });

  for (const [method, status] of [
    ['GET', 204],
    ['GET', 304],
    ['HEAD', 200],
  ] as const) {
    it(`gives no body to ${method} with ${status}`, async (t) => {
      const { gateway, backend } = makeSite(t);
      backend.script = ({ sink }) => {
        sink.head({ status, reason: '', headers: [] });
        sink.write(Buffer.from('body'));
        sink.end();
        return undefined;
      };
      const response = await fetchHandler(gateway.handle)(new Request(`${base}/`, { method }));
      assert.deepEqual([response.status, await response.text()], [status, '']);
    });
  }

  it('lets the program wait for the reader', async (t) => {
    const { gateway, backend } = makeSite(t, undefined, { answerBufferBytes: 0 });
    let written = 0;
    backend.script = async (run) => {
      run.sink.head({ status: 200, reason: '', headers: [] });
      for (; written < 100; written++) if (!run.sink.write(Buffer.alloc(65_536))) await run.resumed();
      run.sink.end();
      return undefined;
    };
    const response = await fetchHandler(gateway.handle)(new Request(`${base}/`));
    for (let i = 0; i < 20; i++) await nextTurn();
    assert.ok(written < 5, `${written} chunks were written to nobody`);
    assert.equal((await response.arrayBuffer()).byteLength, 6_553_600);
  });

  it('goes on when a body breaks that nobody reads any more', async (t) => {
    const { gateway } = makeSite(t, undefined, { maxBodyBytes: 10 });
    let source: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        source = controller;
      },
    });
    // A stream as a body wants "duplex", which the types do not know.
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' };
    const asked = fetchHandler(gateway.handle)(new Request(`${base}/`, init));
    source?.enqueue(new Uint8Array(20));
    assert.equal((await asked).status, 413);
    source?.error(new Error('the client left'));
    // Without a listener the error would end the process by now.
    for (let i = 0; i < 5; i++) await nextTurn();
  });

  it('fails the body of an answer that was cut', async (t) => {
    const { gateway, backend } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head({ status: 200, reason: '', headers: ['Content-Length', '10'] });
      sink.write(Buffer.from('half'));
      sink.end();
      return undefined;
    };
    const response = await fetchHandler(gateway.handle)(new Request(`${base}/`));
    await assert.rejects(response.text(), /cut/);
  });

  it('stops the program when the reader cancels, or the request is aborted', async (t) => {
    const { gateway, backend } = makeSite(t);
    backend.script = async (run) => {
      run.sink.head({ status: 200, reason: '', headers: [] });
      run.sink.write(Buffer.from('x'));
      await run.resumed();
      return undefined;
    };
    const response = await fetchHandler(gateway.handle)(new Request(`${base}/`));
    await response.body?.cancel();
    assert.equal(backend.aborted, 1);
    const controller = new AbortController();
    const second = await fetchHandler(gateway.handle)(new Request(`${base}/`, { signal: controller.signal }));
    controller.abort();
    await assert.rejects(second.text(), { name: 'AbortError' });
    assert.equal(backend.aborted, 2);
  });
});
