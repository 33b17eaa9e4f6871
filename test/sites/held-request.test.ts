// Requests that are held before their gateway gets them, by a client of HTTP/2 that takes them back meanwhile.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Faults } from '../../src/backend/faults.ts';
import { HostTable } from '../../src/protocol/http/host-table.ts';
import { Gateways } from '../../src/sites/gateways.ts';
import { ProofAnswers } from '../../src/sites/proof-answer.ts';
import { ProofFolder, proofPath } from '../../src/tls/proof-folder.ts';
import { startHttp2 } from '../conformance/http2-cases.ts';
import { headers, request, reset } from '../support/http2-frames.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { makeSite } from '../support/site.ts';
import { until } from '../support/until.ts';

/** Knows nothing, and says so when it is told to. */
class SlowProofs extends ProofFolder {
  asked = 0;
  readonly #answer = Promise.withResolvers<null>();

  override textFor(): Promise<string | null> {
    this.asked += 1;
    return this.#answer.promise;
  }

  answer(): void {
    this.#answer.resolve(null);
  }
}

async function start(t: TestContext) {
  const site = makeSite(t);
  const gateways = new Gateways(new Faults(new RecordingLog()), undefined);
  const table = new HostTable([{ site: 'test', hosts: [] }]);
  const { port } = await startHttp2(t, { handler: gateways.handlerFor({ table }) });
  const peer = await Http2Peer.open(t, port);
  const use = (): void => gateways.use(new Map([['test', site.gateway]]));
  return { ...site, gateways, peer, use };
}

const streams = Array.from({ length: 50 }, (_, index) => index * 2 + 1);

describe('a request that is held', () => {
  it('while a proof is looked for, and is taken back meanwhile, is not run', async (t) => {
    const { backend, gateways, peer, use, root, access } = await start(t);
    const proofs = new SlowProofs(root);
    gateways.proofs = new ProofAnswers(proofs);
    use();
    const path = `${proofPath}x`;
    peer.send(...streams.map((stream) => headers(stream, request('GET', path))));
    await until(() => proofs.asked === streams.length);
    peer.send(...streams.slice(1).map((stream) => reset(stream)));
    assert.ok(await peer.isAlive());
    proofs.answer();
    assert.equal(await peer.answer(1), '404');
    peer.send(headers(101, request('GET', '/index.php')));
    assert.equal(await peer.answer(101), '200');
    assert.equal(backend.requests.length, 1);
    assert.deepEqual(gateways.running, 0);
    assert.deepEqual(
      access.map(({ status }) => status),
      [404, 200],
    );
  });

  it('until its gateway is in force, and is taken back before, is not run', async (t) => {
    const { backend, peer, use } = await start(t);
    peer.send(...streams.map((stream) => headers(stream, request('GET', '/index.php'))));
    assert.ok(await peer.isAlive());
    peer.send(...streams.slice(1).map((stream) => reset(stream)));
    assert.ok(await peer.isAlive());
    use();
    assert.equal(await peer.answer(1), '200');
    assert.equal(backend.requests.length, 1);
  });
});
