import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alternatives, isMatch, parsePattern } from '../../../src/protocol/http/path-pattern.ts';

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
