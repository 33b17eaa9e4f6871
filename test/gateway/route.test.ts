import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileRoutes, matchRoute } from '../../src/gateway/route.ts';
import type { Route } from '../../src/gateway/site.ts';
import { ScriptedBackend } from '../support/scripted-backend.ts';
import { route } from '../support/site.ts';

const backend = new ScriptedBackend();

/** The pattern of the route that takes a path, or null. */
function taker(matches: readonly string[], path: string): string | null {
  const routes = matches.map((match): Route => ({ match, kind: 'files' }));
  return matchRoute(compileRoutes(routes), path)?.route.match ?? null;
}

describe('matchRoute()', () => {
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
      assert.equal(taker(['*.php'], path) !== null, isTaken);
    });
  }

  it('matches a prefix at a slash only', () => {
    for (const path of ['/cgi-bin', '/cgi-bin/', '/cgi-bin/x']) assert.equal(taker(['/cgi-bin/*'], path), '/cgi-bin/*');
    for (const path of ['/cgi-bin2', '/cgi-bi', '/', '/x/cgi-bin/x']) assert.equal(taker(['/cgi-bin/*'], path), null);
    assert.equal(taker(['/*'], '/anything/at/all'), '/*');
  });

  it('matches an exact path exactly', () => {
    assert.equal(taker(['/status'], '/status'), '/status');
    assert.equal(taker(['/status'], '/status/'), null);
  });

  it('takes the first route in the order of the configuration', () => {
    assert.equal(taker(['/a/*', '*.php'], '/a/b.php'), '/a/*');
    assert.equal(taker(['*.php', '/a/*'], '/a/b.php'), '*.php');
    assert.equal(taker(['*.php', '/a/*'], '/a/b'), '/a/*');
  });
});

describe('compileRoutes()', () => {
  for (const match of ['', 'php', '*php', '*.a/b', '/a*', '/*/b', '*', '*.']) {
    it(`refuses ${JSON.stringify(match)}`, () => {
      assert.throws(() => compileRoutes([{ match, kind: 'files' }]), { code: 'CONFIG_INVALID' });
    });
  }

  it('refuses to mount an application on a suffix', () => {
    assert.throws(() => compileRoutes([route('*.php', 'mount', backend)]), { code: 'CONFIG_INVALID' });
  });
});
