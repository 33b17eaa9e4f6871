// Clients that wait until others have gone: how long they wait is not their doing, whatever they speak.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientLimits } from '../../src/front/client-limits.ts';
import { openH2cDoor } from '../../src/front/doors.ts';
import { startHttp2 } from '../conformance/http2-cases.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { answerText, collectRequests } from '../support/http1-front.ts';
import { headers, preface, request, settings } from '../support/http2-frames.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const few = { maxConnections: 1, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 5, headTimeoutMs: 1_000 };

describe('a client that waits for room', () => {
  for (const [where, h2c] of [
    ['HTTP/1.1', false],
    ['HTTP/1.1 where HTTP/2 may come', true],
    ['HTTP/2', true],
  ] as const) {
    it(`by ${where} waits for longer than headTimeout, and has that time when it enters`, async (t) => {
      const clock = new FakeClock();
      const { handler, asked } = collectRequests();
      const clients = new ClientLimits(few);
      const { port, front } = await startHttp2(t, { handler, clients, clock, h2c: h2c ? openH2cDoor : null });
      const busy = await RawClient.connect(t, port);
      busy.send(get);
      await until(() => asked.length === 1);
      const patient = await Http2Peer.connect(t, port);
      await until(() => clients.waiting.size === 1);
      const silent = await RawClient.connect(t, port);
      await until(() => clients.waiting.size === 2);
      if (where === 'HTTP/2') patient.send(Buffer.from(preface), settings(), headers(1, request()));
      else patient.client.send(get);
      clock.advance(60_000);
      // Whoever is closed is told of by then.
      const other = await RawClient.connect(t, port);
      await until(() => clients.waiting.size === 3);
      assert.deepEqual([patient.client.end, silent.end, other.end], ['open', 'open', 'open']);
      answerText(asked[0]!.answer, 'done');
      await busy.untilEnd();
      busy.socket.end();
      await until(() => asked.length === 2);
      answerText(asked[1]!.answer, 'at last');
      if (where === 'HTTP/2') assert.equal(await patient.answer(), '200');
      else await patient.client.untilHas('at last');
      patient.client.socket.end();
      // The next one says nothing, and now that is its own doing.
      await until(() => clients.waiting.size === 1);
      assert.equal(silent.end, 'open');
      clock.advance(5_000);
      await silent.untilEnd();
      await until(() => clients.waiting.size === 0);
      assert.ok(front.connections <= 1);
    });
  }
});
