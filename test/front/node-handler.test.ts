import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fetchHandler } from '../../src/front/fetch-handler.ts';
import { nodeHandler } from '../../src/front/node-handler.ts';
import { makeSite } from '../support/site.ts';

/** A server of one's own that does something with a request before Postern gets it. */
async function served(t: TestContext, before: (request: IncomingMessage) => Promise<unknown>) {
  const site = makeSite(t);
  const handle = nodeHandler(site.gateway.handle);
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void before(request).then(() => handle(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  return { ...site, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.php` };
}

const chunked = (text: string) => new Blob([text]).stream();

describe('a body that somebody else has read already', () => {
  const bodies: readonly [what: string, body: () => BodyInit][] = [
    ['with a length', () => 'a=b'],
    ['in chunks', () => chunked('a=b')],
  ];
  for (const [what, body] of bodies) {
    it(`is 500 and a line of the log, not an empty one: node:http, ${what}`, async (t) => {
      const { url, log, backend } = await served(t, (request) => request.toArray());
      const answer = await fetch(url, { method: 'POST', body: body(), duplex: 'half' } as RequestInit);
      assert.equal(answer.status, 500);
      assert.equal(backend.requests.length, 0);
      const last = log.records.at(-1);
      assert.equal(last?.fields.code, 'INTERNAL');
      assert.match(last?.message ?? '', /was read before Postern got it/);
    });
  }

  it('is 500 through a fetch handler, too', async (t) => {
    const { gateway, backend } = makeSite(t);
    const request = new Request('http://a.example/index.php', { method: 'POST', body: 'a=b' });
    await request.text();
    assert.equal((await fetchHandler(gateway.handle)(request)).status, 500);
    assert.equal(backend.requests.length, 0);
  });

  it('is none where nobody read it, or there was none', async (t) => {
    const { url, backend } = await served(t, async () => {});
    assert.equal((await fetch(url, { method: 'POST', body: 'a=b' })).status, 200);
    assert.equal((await fetch(url)).status, 200);
    assert.equal(backend.requests.length, 2);
  });
});
