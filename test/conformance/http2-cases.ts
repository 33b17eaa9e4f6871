// Runs cases of HTTP/2: frames in, and what must come of them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openH2cDoor } from '../../src/front/doors.ts';
import { Http1Front } from '../../src/front/http1.ts';
import type { HttpHandler } from '../../src/gateway/message.ts';
import { Http2Peer } from '../support/http2-peer.ts';

/**
 * What must come of it: "200" an answer on stream 1, "reset CODE" of stream 1, "goaway CODE" with the end of the connection, "alive" a connection that goes
 * on without an answer on stream 1. After the first two the connection must go on, too.
 */
export type Outcome = string | ((peer: Http2Peer) => Promise<void>);

/** @param sent after the preface and settings of both sides */
export type Http2Case = readonly [section: string, what: string, sent: readonly Buffer[], outcome: Outcome];

/** Answers with method, target, Host, and body; "/big" with 200,000 bytes, "/slow" never, "/unread" before the body came, "/204" and its like with that status. */
export const caseHandler: HttpHandler = (request, answer) => {
  const { method, target, headers, body } = request;
  if (target === '/slow') return;
  const respond = (text: string): void => {
    const status = /^\/(\d{3})$/.exec(target)?.[1];
    answer.head(Number(status ?? 200), []);
    if (target === '/big') answer.write(Buffer.alloc(200_000, 'b'));
    else answer.write(Buffer.from(`${method} ${target} ${headers.join('|')} [${text}]`, 'latin1'));
    answer.end();
  };
  if (body === null || target === '/unread') {
    respond('');
    return;
  }
  body.toArray().then(
    (chunks) => respond(Buffer.concat(chunks as Buffer[]).toString('latin1')),
    () => {
      answer.head(400, []);
      answer.end();
    },
  );
};

/** A front where HTTP/2 is spoken without TLS. */
export async function startHttp2(
  t: { after: (done: () => void) => void },
  options: Partial<ConstructorParameters<typeof Http1Front>[0]> = {},
): Promise<{ front: Http1Front; port: number }> {
  const front = new Http1Front({ handler: caseHandler, h2c: openH2cDoor, ...options });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return { front, port: address.kind === 'tcp' ? address.port : 0 };
}

/** Runs them all. */
export function runHttp2Cases(name: string, cases: readonly Http2Case[]): void {
  describe(name, { concurrency: 8 }, () => {
    for (const [section, what, sent, outcome] of cases) {
      it(`${section}: ${what}`, async (t) => {
        const { port } = await startHttp2(t);
        const peer = await Http2Peer.open(t, port);
        peer.send(...sent);
        await expectOutcome(peer, outcome);
      });
    }
  });
}

async function expectOutcome(peer: Http2Peer, outcome: Outcome): Promise<void> {
  if (typeof outcome !== 'string') await outcome(peer);
  else if (outcome === 'alive') {
    assert.ok(await peer.isAlive(), `the connection ended: ${await endOf(peer)}`);
    assert.equal(peer.find(1, 1), undefined, 'there is an answer');
    assert.equal(peer.find(3, 1), undefined, 'the stream was reset');
  } else if (outcome.startsWith('goaway')) {
    assert.equal(`goaway ${await endOf(peer)}`, outcome);
    assert.equal(peer.find(1, 1), undefined, 'there is an answer');
  } else {
    assert.equal(await peer.answer(1), outcome);
    assert.ok(await peer.isAlive(), `the connection ended: ${await endOf(peer)}`);
  }
}

async function endOf(peer: Http2Peer): Promise<string> {
  // A connection that does not end says so by this ping.
  if (await peer.isAlive()) return `none: it goes on, with ${await told(peer)}`;
  return (await peer.ended()) ?? 'none';
}

async function told(peer: Http2Peer): Promise<string> {
  return peer.frames
    .map(({ type, stream, payload }) => `${type}@${stream}:${payload.toString('hex').slice(0, 40)}`)
    .join(' ');
}
