import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodePath, parseTarget } from '../../../src/protocol/http/path.ts';

const taken: readonly [target: string, path: string, query: string, mappable: boolean][] = [
  ['/', '/', '', true],
  ['/a/b.php?x=1&y=%00', '/a/b.php', 'x=1&y=%00', true],
  ['/a?', '/a', '', true],
  ['/a?b?c', '/a', 'b?c', true],
  ['/%61%2e%70hp', '/a.php', '', true],
  ['//a///b//', '/a/b/', '', true],
  ['/./a/./b/.', '/a/b/', '', true],
  ['/a/../b', '/b', '', true],
  ['/a/b/..', '/a/', '', true],
  ['/a/%2e%2e/b', '/b', '', true],
  ['/.well-known/x', '/.well-known/x', '', true],
  ['/caf%C3%A9', '/caf\xc3\xa9', '', true],
  ['/caf\xc3\xa9', '/caf\xc3\xa9', '', true],
  ['/a%2Fb', '/a/b', '', false],
  ['/a%5cb', '/a\\b', '', false],
  ['/a\\b', '/a\\b', '', false],
  ['/a%2F..%2fb', '/b', '', false],
  // Decoded once: what was encoded twice stays encoded.
  ['/%252e%252e/a', '/%2e%2e/a', '', true],
  ['/a?../../%2F', '/a', '../../%2F', true],
];

const refused = ['', 'a', '*', '/%00', '/a%0Ab', '/%7f', '/%1F', '/a b', '/a\0', '/a\x7f', '/a#b', '/%', '/%2', '/%zz'];
const climbing = ['/..', '/../a', '/a/../../b', '/%2e%2e/a', '/..%2fa', '/%2e%2e%2fa'];

describe('parseTarget()', () => {
  for (const [target, path, query, mappable] of taken) {
    it(`takes ${JSON.stringify(target)} for ${JSON.stringify(path)}`, () => {
      assert.deepEqual(parseTarget(target), { path, query, mappable });
    });
  }

  for (const target of [...refused, ...climbing]) {
    it(`refuses ${JSON.stringify(target)} (rule 1: %00 and any control byte are 400, and so is climbing out)`, () => {
      assert.throws(() => parseTarget(target), { code: 'BAD_REQUEST' });
    });
  }

  it('gives a path that holds no control byte, no empty, "." or ".." segment, whatever comes', () => {
    const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2F', '%5c', '%00', '%41', '\\', 'é', '//', '%', '?');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        let path: string;
        try {
          ({ path } = parseTarget(`/${pieces.join('')}`));
        } catch {
          return;
        }
        assert.match(path, /^\//);
        assert.doesNotMatch(path, /[\x00-\x1f\x7f]|\/\/|\/\.{1,2}(?:\/|$)/);
      }),
    );
  });

  it('reads what encodePath() wrote', () => {
    const segment = fc.string({ minLength: 1 }).filter((text) => !/[\x00-\x1f\x7f/\\]|[^\x00-\xff]/.test(text));
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        fc.pre(!segments.includes('.') && !segments.includes('..'));
        const path = `/${segments.join('/')}`;
        assert.equal(parseTarget(encodePath(path)).path, path);
      }),
    );
  });
});
