import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { parseForwarded } from '../../../src/protocol/http/forwarded.ts';

const read = (headers: readonly string[]) =>
  parseForwarded(
    headers,
    (address) => address.startsWith('10.'),
    (text) => isIP(text) !== 0,
  );

describe('parseForwarded()', () => {
  const addresses: readonly [string, string | null][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['6.6.6.6, 192.0.2.1', '192.0.2.1'],
    ['192.0.2.1, 10.0.0.9', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['unknown', null],
    ['192.0.2.1, unknown, 10.0.0.9', '10.0.0.9'],
    ['10.0.0.8, 10.0.0.9', '10.0.0.8'],
    ['', null],
  ];
  for (const [list, address] of addresses) {
    it(`takes ${address} for the client of ${JSON.stringify(list)}`, () => {
      assert.equal(read(['X-Forwarded-For', list]).address, address);
    });
  }

  it('joins fields that come twice', () => {
    assert.equal(read(['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '192.0.2.1']).address, '192.0.2.1');
  });

  it('takes the last value of the other fields, if it is valid', () => {
    const headers = [
      'X-Forwarded-Proto',
      'http, HTTPS',
      'X-Forwarded-Host',
      'a.example:8443',
      'X-Forwarded-Port',
      '443',
    ];
    assert.deepEqual(read(headers), {
      address: null,
      scheme: 'https',
      host: { name: 'a.example', port: 8443 },
      port: 443,
    });
    const invalid = ['X-Forwarded-Proto', 'ftp', 'X-Forwarded-Host', 'a b', 'X-Forwarded-Port', '99999'];
    assert.deepEqual(read(invalid), { address: null, scheme: null, host: null, port: null });
  });
});
