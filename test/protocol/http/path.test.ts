import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  alternatives,
  encodePath,
  isMatch,
  parseLocalTarget,
  parsePattern,
  parseTarget,
} from '../../../src/protocol/http/path.ts';
import fc from '../../support/seeded-fast-check.ts';

const taken: readonly [target: string, path: string, query: string, nameLength: number | null][] = [
  ['/', '/', '', null],
  ['/a/b.php?x=1&y=%00', '/a/b.php', 'x=1&y=%00', null],
  ['/a?', '/a', '', null],
  ['/a?b?c', '/a', 'b?c', null],
  ['/%61%2e%70hp', '/a.php', '', null],
  ['//a///b//', '/a/b/', '', null],
  ['/./a/./b/.', '/a/b/', '', null],
  ['/a/../b', '/b', '', null],
  ['/a/b/..', '/a/', '', null],
  ['/a/%2e%2e/b', '/b', '', null],
  ['/.well-known/x', '/.well-known/x', '', null],
  ['/caf%C3%A9', '/caf\xc3\xa9', '', null],
  ['/caf\xc3\xa9', '/caf\xc3\xa9', '', null],
  ['/a%2Fb', '/a/b', '', 0],
  ['/a%5cb', '/a\\b', '', 0],
  ['/a\\b', '/a\\b', '', 0],
  ['/a%2F..%2fb', '/b', '', 0],
  ['/a%2F..', '/', '', 0],
  ['/p.php/a%2Fb', '/p.php/a/b', '', 6],
  ['/p.php/a\\b/c', '/p.php/a\\b/c', '', 6],
  ['/x/p.php/a%2Fb/../../../q.php', '/x/q.php', '', 2],
  ['/p.php%2Fx', '/p.php/x', '', 0],
  // Decoded once: what was encoded twice stays encoded.
  ['/%252e%252e/a', '/%2e%2e/a', '', null],
  ['/a?../../%2F', '/a', '../../%2F', null],
];

const refused = ['', 'a', '*', '/%00', '/a%0Ab', '/%7f', '/%1F', '/a b', '/a\0', '/a\x7f', '/a#b', '/%', '/%2', '/%zz'];
const climbing = ['/..', '/../a', '/a/../../b', '/%2e%2e/a', '/..%2fa', '/%2e%2e%2fa'];

describe('parseTarget()', () => {
  for (const [target, path, query, nameLength] of taken) {
    it(`takes ${JSON.stringify(target)} for ${JSON.stringify(path)}`, () => {
      assert.deepEqual(parseTarget(target), { path, query, nameLength: nameLength ?? path.length });
    });
  }

  for (const target of [...refused, ...climbing]) {
    it(`refuses ${JSON.stringify(target)} (rule 1: %00 and any control byte are 400, and so is climbing out)`, () => {
      assert.throws(() => parseTarget(target), { code: 'BAD_REQUEST' });
    });
  }

  it('lets what follows an encoded slash name no file (rule 1), however it is led back', () => {
    const piece = fc.constantFrom('/', 'a', 'b', '..', '%2F', '%5c', '\\\\', '%2e%2e');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        let found: ReturnType<typeof parseTarget>;
        try {
          found = parseTarget(target);
        } catch {
          return;
        }
        const isPlain = !/%2F|%5c|\\\\/.test(target);
        assert.equal(found.nameLength === found.path.length, isPlain, target);
        assert.ok(found.nameLength <= found.path.length);
      }),
    );
  });

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

describe('parseLocalTarget()', () => {
  it('stays at the root where ".." would climb above it, as a client does', () => {
    assert.equal(parseLocalTarget('/../../ok').path, '/ok');
    assert.equal(parseLocalTarget('/a/../../b/..').path, '/');
  });
});

/** Whether a pattern takes a path. */
function takes(match: string, path: string): boolean {
  return isMatch(parsePattern(match)!, path);
}

describe('isMatch()', () => {
  const suffixes: readonly [path: string, isTaken: boolean][] = [
    ['/a.php', true],
    ['/A.PHP', true],
    ['/a.pHp/b', true],
    ['/a.php/', true],
    ['/x/b.php', true],
    ['/a.phpx', false],
    ['/php', false],
    ['/a.php5', false],
    ['/', false],
    // A Kelvin sign and a long s in UTF-8, and a byte above 0x7f: none is an ASCII letter in another case.
    ['/a.ph\xe2\x84\xaa', false],
    ['/a.\xd0php', false],
    ['/\xc4\xb0\xc4\xb0a.php', true],
  ];
  for (const [path, isTaken] of suffixes) {
    it(`${isTaken ? 'takes' : 'leaves'} ${JSON.stringify(path)} with "*.php" (rule 3: ASCII case only, on bytes)`, () => {
      assert.equal(takes('*.php', path), isTaken);
    });
  }

  it('matches a prefix at a slash only', () => {
    for (const path of ['/cgi-bin', '/cgi-bin/', '/cgi-bin/x']) assert.equal(takes('/cgi-bin/*', path), true, path);
    for (const path of ['/cgi-bin2', '/cgi-bi', '/', '/x/cgi-bin/x'])
      assert.equal(takes('/cgi-bin/*', path), false, path);
    assert.equal(takes('/*', '/anything/at/all'), true);
  });

  it('matches a suffix below a prefix', () => {
    for (const path of ['/up/a.php', '/up/x/A.PHP', '/up/a.php/b']) assert.equal(takes('/up/*.php', path), true, path);
    for (const path of ['/a.php', '/up', '/up/a.png', '/x/up/a.php'])
      assert.equal(takes('/up/*.php', path), false, path);
  });

  it('matches a name at any depth, as a whole component', () => {
    for (const path of ['/composer.json', '/a/b/composer.json', '/composer.json/x', '/xcomposer.json/composer.json'])
      assert.equal(takes('composer.json', path), true, path);
    for (const path of ['/composer.jsonx', '/xcomposer.json', '/composer/json'])
      assert.equal(takes('composer.json', path), false, path);
  });

  it('matches an exact path exactly', () => {
    assert.equal(takes('/status', '/status'), true);
    assert.equal(takes('/status', '/status/'), false);
  });
});

describe('parsePattern()', () => {
  const wrong = [
    '',
    '*php',
    '*.a/b',
    '/a*',
    '/*/b',
    '*',
    '*.',
    '*.{php,phtml}',
    '/{a,b}/*',
    '*.php?',
    '/[ab]/*',
    '/a\\b',
    '..',
    '.',
    '**/x',
  ];
  for (const match of wrong) {
    it(`refuses ${JSON.stringify(match)}: characters of a glob are not taken literally`, () => {
      assert.equal(parsePattern(match), null);
    });
  }
});

describe('alternatives()', () => {
  const cases: readonly [match: string, patterns: readonly string[]][] = [
    ['*.php', ['*.php']],
    ['*.{php,phtml}', ['*.php', '*.phtml']],
    ['/{a,b}/*.{c,d}', ['/a/*.c', '/a/*.d', '/b/*.c', '/b/*.d']],
    ['*.php{,5}', ['*.php', '*.php5']],
    ['*.{php', ['*.{php']],
    ['*.{a,{b,c}}', ['*.{a,{b,c}}']],
  ];
  for (const [match, patterns] of cases) {
    it(`reads ${match} as ${patterns.join(' or ')}`, () => {
      assert.deepEqual(alternatives(match), patterns);
    });
  }
});
