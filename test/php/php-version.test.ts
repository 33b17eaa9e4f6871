import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  connectionReuse,
  newestFirst,
  parsePhpBanner,
  parsePhpVersion,
  versionWarnings,
} from '../../src/php/php-version.ts';

describe('PHP versions', () => {
  it('reads what PHP says of itself, after whatever it warns of first', () => {
    const output =
      'PHP Warning: Unable to load x.so\nPHP 8.2.36 (cgi-fcgi) (built: Nov 18 2026 20:02:04)\nZend Engine v4.2.36\n';
    assert.deepEqual(parsePhpBanner(output), {
      version: { text: '8.2.36', major: 8, minor: 2, patch: 36, isRelease: true },
      sapi: 'cgi-fcgi',
    });
    for (const other of ['', 'total 80', 'PHP is great (really)', 'perl 5, version 36', ' PHP 8.2.36 (cli)']) {
      assert.equal(parsePhpBanner(other), null);
    }
  });

  for (const [text, expected] of [
    ['8.2.36', 'always'],
    ['8.2.35', 'bodiless'],
    ['8.3.37', 'always'],
    ['8.3.36', 'bodiless'],
    ['8.4.28', 'always'],
    ['8.4.27', 'bodiless'],
    ['8.5.13', 'always'],
    ['8.5.12', 'bodiless'],
    ['8.4.28-1+deb13u1', 'always'],
    ['8.4.28RC1', 'bodiless'],
    ['8.5.13-dev', 'bodiless'],
    ['8.1.99', 'bodiless'],
    ['7.4.33', 'bodiless'],
    ['8.6.0', 'bodiless'],
    ['9.0.0', 'bodiless'],
  ] as const) {
    it(`reuses connections to ${text}: ${expected} (CVE-2026-129289)`, () => {
      assert.equal(connectionReuse(parsePhpVersion(text)), expected);
    });
  }

  it('does not reuse a connection after a body where the version is not known', () => {
    assert.equal(connectionReuse(null), 'bodiless');
    assert.match(versionWarnings(null)[0]!, /CVE-2026-129289/);
  });

  it('warns of an unsafe version and names the release to update to', () => {
    assert.deepEqual(versionWarnings(parsePhpVersion('8.2.36')), []);
    assert.match(versionWarnings(parsePhpVersion('8.3.6'))[0]!, /update to 8\.3\.37/);
    assert.match(versionWarnings(parsePhpVersion('7.4.33'))[0]!, /gets no fixes any more/);
  });

  it('orders the newest first, a release before its candidates', () => {
    const sorted = ['8.2.9', '8.10.0', '8.2.36RC1', '8.2.36'].map((text) => parsePhpVersion(text)!).sort(newestFirst);
    assert.deepEqual(
      sorted.map(({ text }) => text),
      ['8.10.0', '8.2.36', '8.2.36RC1', '8.2.9'],
    );
  });
});
