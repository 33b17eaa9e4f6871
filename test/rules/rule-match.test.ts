import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRuleMatch, partsFor, takes } from '../../src/rules/rule-match.ts';

/** What a pattern makes of a path: its parts, or null. */
function parts(pattern: string, path: string): Record<string, string> | null {
  const match = pattern.startsWith('^') ? parseRuleMatch([], pattern, null) : parseRuleMatch([pattern], null, null);
  return takes(match, 'GET', path) ? { ...partsFor(match, path) } : null;
}

describe('the pattern of a rule', () => {
  const table: [pattern: string, path: string, parts: Record<string, string> | null][] = [
    ['/old/*', '/old/a/b', { 1: 'a/b' }],
    ['/old/*', '/old', { 1: '' }],
    ['/old/*', '/older', null],
    ['*.css', '/a/b.css', { 1: 'a/b' }],
    ['*.{css,js}', '/x.JS', { 1: 'x' }],
    ['*.{css,js}', '/x.css/y', { 1: 'x' }],
    ['*.{css,js}', '/x.d/css', null],
    ['*.{css,js}', '/x.d/y.js', { 1: 'x.d/y' }],
    ['*.{css,js}', '/css', null],
    ['*.{css,js}', '/.css', { 1: '' }],
    ['/up/*.{css,js}', '/up.css/a', null],
    ['/up/*.{css,js}', '/up/a.CSS', { 1: 'a' }],
    ['*.{tar.gz,tgz}', '/a.tar.gz', { 1: 'a' }],
    ['*.php', '/a.php/b', { 1: 'a' }],
    ['/up/*.php', '/up/x/y.php', { 1: 'x/y' }],
    ['/up/*.php', '/other/y.php', null],
    ['/a/*/b', '/a/q/b', { 1: 'q' }],
    ['/a/*/b', '/a/q/r/b', null],
    ['/a/*/b', '/a//b', null],
    ['/a/*/b', '/a/q/b/c', null],
    ['/a/x-*.txt/*', '/a/x-1.txt/c/d', { 1: '1', 2: 'c/d' }],
    ['/a/x-*.txt/*', '/a/x-.txt/c', null],
    ['/*/wp-admin/*', '/blog/wp-admin/css/a.css', { 1: 'blog', 2: 'css/a.css' }],
    ['/user/{id}', '/user/12', { 1: '12', id: '12' }],
    ['/user/{id}/{a,b}/*', '/user/12/b/z', { 1: '12', id: '12', 2: 'z' }],
    ['/user/{id}/{a,b}/*', '/user/12/c/z', null],
    ['composer.json', '/x/composer.json', {}],
    ['/', '/', {}],
    ['/', '/a', null],
    ['^/p/(?P<id>\\d+)$', '/p/12', { 1: '12', id: '12' }],
    ['^/p/(?<id>\\d+)$', '/p/x', null],
    ['^/(a)|(b)', '/a', { 1: 'a', 2: '' }],
    ['^(?i:.*\\.HTM)$', '/x.htm', {}],
  ];
  for (const [pattern, path, expected] of table) {
    it(`${pattern} makes ${JSON.stringify(expected)} of ${path}`, () => {
      assert.deepEqual(parts(pattern, path), expected);
    });
  }

  it('sees text in a regular expression, and gives its parts as bytes', () => {
    const path = Buffer.from('/café/x').toString('latin1');
    assert.deepEqual(parts('^/caf[éè]/(.*)', path), { 1: 'x' });
    assert.deepEqual(parts('^/(.{4})/', path), { 1: Buffer.from('café').toString('latin1') });
  });

  it('takes only the methods that it names', () => {
    const match = parseRuleMatch(['/*'], null, ['POST']);
    assert.equal(takes(match, 'POST', '/'), true);
    assert.equal(takes(match, 'GET', '/'), false);
  });

  it('knows which parts all of its patterns have', () => {
    assert.deepEqual(parseRuleMatch(['/a/{x}', '/b/{x}/*'], null, null).parts, ['1', 'x']);
    assert.deepEqual(parseRuleMatch(['/a/*', '/b'], null, null).parts, []);
  });

  for (const pattern of ['/a?b', '/a[b]', 'a*b', '/a/**', '/a/*x*y', '/{1x}']) {
    it(`refuses ${pattern}`, () => {
      assert.throws(() => parseRuleMatch([pattern], null, null), { code: 'CONFIG_INVALID' });
    });
  }

  it('refuses a regular expression that could run for ever, or that is none', () => {
    for (const regex of ['(a', '(a)\\1', '(?=a)']) {
      assert.throws(() => parseRuleMatch([], regex, null), { code: 'CONFIG_INVALID' }, regex);
    }
  });
});
