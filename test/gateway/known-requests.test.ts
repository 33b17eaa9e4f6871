import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownTargets } from '../../src/gateway/known-requests.ts';
import { parseTarget } from '../../src/protocol/http/path.ts';
import { urlForLog } from '../../src/protocol/text.ts';

describe('KnownTargets', () => {
  const some = ['/', '/a/../b?c=d', '/%41', '/a?token=secret&b', `/${'long'.repeat(300)}`, '/a%2fb/c', '/\xe9'];

  it('reads and shows a target as it is read and shown the first time', () => {
    const targets = new KnownTargets();
    for (let round = 0; round < 3; round += 1) {
      for (const text of some) {
        assert.equal(targets.shown(text), urlForLog(text));
        for (let again = 0; again < 2; again += 1) assert.deepEqual(targets.read(text), parseTarget(text));
        assert.equal(targets.shown(text), urlForLog(text));
      }
    }
  });

  it('forgets what came before, and refuses the same targets each time', () => {
    const targets = new KnownTargets();
    const first = targets.read('/first');
    assert.equal(targets.read('/first'), first);
    for (let count = 0; count < 1_024; count += 1) assert.equal(targets.read(`/${count}`).path, `/${count}`);
    assert.notEqual(targets.read('/first'), first);
    for (let round = 0; round < 2; round += 1) {
      for (const bad of ['/..', '/%', '/a b', 'a']) {
        assert.throws(() => targets.read(bad), { code: 'BAD_REQUEST' }, bad);
        assert.equal(targets.shown(bad), urlForLog(bad));
      }
    }
  });
});
