// Sends generated and mutated request streams to a front over TCP: whatever comes, it answers or closes, and goes on.
// FUZZ_RUNS sets how many streams.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpHandler } from '../../src/gateway/message.ts';
import { startFront } from '../support/http1-front.ts';
import { cutStream, requestStream } from '../support/http1-streams.ts';
import { RawClient } from '../support/raw-client.ts';
import fc from '../support/seeded-fast-check.ts';
import { until } from '../support/until.ts';

const runs = Math.min(Number(process.env.FUZZ_RUNS ?? 400), 5_000);

/** Reads the body where there is one, and answers now or later, gathered or in pieces, by the request's own bytes. */
const variously: HttpHandler = (request, answer) => {
  const respond = (text: string): void => {
    answer.head(200, text.length % 3 === 0 ? ['Content-Length', String(text.length)] : []);
    answer.write(Buffer.from(text, 'latin1'));
    if (text.length % 2 === 0) answer.flush();
    answer.end();
  };
  if (request.body === null) respond(request.target);
  else if (request.target.includes('?')) setImmediate(respond, 'early');
  else {
    request.body.toArray().then(
      (chunks) => respond(`body ${Buffer.concat(chunks as Buffer[]).length}`),
      () => respond('failed'),
    );
  }
};

describe('the HTTP/1.1 front under fuzzed streams', () => {
  it('answers with HTTP or closes, ends every connection, and serves the next one', async (t) => {
    const { front, port } = await startFront(t, { handler: variously, limits: { halfClosedTimeoutMs: 0 } });
    await fc.assert(
      fc.asyncProperty(requestStream, fc.array(fc.nat(400), { maxLength: 3 }), async (text, cuts) => {
        const client = await RawClient.connect(t, port);
        for (const piece of cutStream(text, cuts)) {
          client.socket.write(piece);
          if (cuts.length > 1) await new Promise((resolve) => setImmediate(resolve));
        }
        client.socket.end();
        const answer = await client.untilEnd();
        assert.match(answer, /^(?:HTTP\/1\.1 \d{3} [\s\S]*)?$/);
        client.socket.destroy();
      }),
      { numRuns: runs },
    );
    await until(() => front.connections === 0);
    const last = await RawClient.connect(t, port);
    last.send('GET /last HTTP/1.1\r\nHost: a\r\n\r\n');
    await last.untilHas('/last');
  });
});
