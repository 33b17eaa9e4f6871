import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TraceMaker, traceIdOf } from '../../src/gateway/trace.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { makeSite } from '../support/site.ts';

const given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('TraceMaker', () => {
  it('makes one that is valid, and another each time', () => {
    const maker = new TraceMaker();
    const made = Array.from({ length: 1_000 }, () => maker.traceparentFor(undefined)!);
    for (const one of made) assert.match(one, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.equal(new Set(made.map(traceIdOf)).size, 1_000);
  });

  it('leaves one that is valid as it is, and takes none that is not', () => {
    const maker = new TraceMaker();
    assert.equal(maker.traceparentFor(given), null);
    for (const bad of [
      '',
      'x',
      `ff${given.slice(2)}`,
      `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
      given.toUpperCase(),
    ]) {
      assert.notEqual(maker.traceparentFor(bad), null, bad);
      assert.equal(traceIdOf(bad), null, bad);
    }
  });
});

describe('a site with traceparent = true', () => {
  it('gives the program one where none came, and the access log its id; one that came goes on', async (t) => {
    const { gateway, backend, access } = makeSite(t, undefined, { makesTraces: true });
    await ask(gateway.handle, '/index.php');
    await ask(gateway.handle, httpRequest('/index.php', { headers: ['Host', 'a', 'Traceparent', given] }));
    const [made, passed] = backend.requests.map(({ environment }) => environment.HTTP_TRACEPARENT);
    assert.match(made!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.deepEqual(
      access.map(({ traceId }) => traceId),
      [made!.slice(3, 35), 'a'.repeat(32)],
    );
    assert.equal(passed, given);
  });

  it('and one without make none', async (t) => {
    const { gateway, backend, access } = makeSite(t);
    await ask(gateway.handle, '/index.php');
    assert.equal(backend.requests[0]!.environment.HTTP_TRACEPARENT, undefined);
    assert.equal(access[0]!.traceId, null);
  });
});
