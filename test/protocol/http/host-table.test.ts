import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostTable, normalHost, normalPattern } from '../../../src/protocol/http/host-table.ts';

describe('HostTable', () => {
  const table = new HostTable([
    { site: 'main', hosts: ['example.org', 'www.example.org'] },
    { site: 'any', hosts: ['*.example.org'] },
    { site: 'deep', hosts: ['*.b.example.org'] },
    { site: 'six', hosts: ['[2001:db8::1]'] },
    { site: 'idna', hosts: ['bücher.example'] },
  ]);

  it('takes exact names first, then the longest wildcard, in any form that names the same host', () => {
    for (const [host, site] of [
      ['example.org', 'main'],
      ['EXAMPLE.ORG', 'main'],
      ['example.org.', 'main'],
      ['example.org:8443', 'main'],
      ['www.example.org', 'main'],
      ['a.example.org', 'any'],
      ['a.c.example.org', 'any'],
      ['a.b.example.org', 'deep'],
      ['b.example.org', 'any'],
      ['[2001:db8::1]', 'six'],
      ['[2001:0db8:0:0:0:0:0:1]:443', 'six'],
      ['xn--bcher-kva.example', 'idna'],
      ['XN--BCHER-KVA.example.:1', 'idna'],
      ['example.com', null],
      ['notexample.org', null],
      ['example.org.evil', null],
      ['example.org:99999', null],
      ['exa mple.org', null],
      ['', null],
      [undefined, null],
    ] as const) {
      assert.equal(table.siteOf(host), site, String(host));
      assert.equal(table.siteOf(host), site, `${host}, remembered`);
    }
  });

  it('gives what no other has to the site without names', () => {
    const open = new HostTable([
      { site: 'named', hosts: ['a.test'] },
      { site: 'rest', hosts: [] },
    ]);
    assert.deepEqual([open.only, open.fallback], [null, 'rest']);
    assert.deepEqual(
      ['a.test', 'b.test', undefined].map((host) => open.siteOf(host)),
      ['named', 'rest', 'rest'],
    );
  });

  it('has one site for everything only where that has no names', () => {
    assert.equal(new HostTable([{ site: 'one', hosts: [] }]).only, 'one');
    assert.equal(new HostTable([{ site: 'one', hosts: ['a.test'] }]).only, null);
  });

  it('remembers a bounded number of values', () => {
    for (let at = 0; at < 5_000; at += 1) assert.equal(table.siteOf(`x${at}.example.org`), 'any');
    assert.equal(table.siteOf('example.org'), 'main');
  });
});

describe('normalHost() and normalPattern()', () => {
  it('know what is a name', () => {
    assert.equal(normalHost('A_b.Test.'), 'a_b.test');
    assert.equal(normalHost('[::0001]'), '[::1]');
    for (const no of ['', 'a b', 'a/b', 'a:80', '[::1', '*', 'http://a']) assert.equal(normalHost(no), null, no);
    assert.equal(normalPattern('*.Bücher.example'), '*.xn--bcher-kva.example');
    for (const no of ['*', '*.', '*.*.a', 'a.*', '*a.test', '*.[::1]']) assert.equal(normalPattern(no), null, no);
  });
});
