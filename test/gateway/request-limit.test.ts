import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientKey, RequestLimit } from '../../src/gateway/request-limit.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('the limit of a rule', () => {
  it('remembers a bounded number of clients, those that asked last', () => {
    const limit = new RequestLimit(
      { rate: { requests: 1, everyMs: 60_000 }, burst: 0, connections: 0, by: 'address' },
      new FakeClock(),
    );
    for (let i = 0; i < 40_000; i += 1) assert.equal(limit.begin(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), 'go');
    assert.ok(limit.size <= 16_384, String(limit.size));
    assert.deepEqual(limit.begin(`10.0.${39_999 >> 8}.${39_999 & 255}`), { afterMs: 60_000 });
  });

  it('takes for one client what is one', () => {
    const keys: [address: string, by: 'address' | 'network', key: string][] = [
      ['192.0.2.7', 'address', '192.0.2.7'],
      ['192.0.2.7', 'network', '192.0.2'],
      ['::ffff:192.0.2.7', 'address', '192.0.2.7'],
      ['2001:db8:0:1::7', 'address', '2001:db8:0:1'],
      ['2001:0DB8::1', 'address', '2001:db8:0:0'],
      ['2001:db8:1:2:3:4:5:6', 'network', '2001:db8:1'],
      ['::1', 'address', '0:0:0:0'],
      ['', 'address', ''],
    ];
    for (const [address, by, key] of keys) assert.equal(clientKey(address, by), key, address);
  });
});
