import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { type ProxyHeader, readProxyHeader as readWith } from '../../../src/protocol/http/proxy-header.ts';

const readProxyHeader = (bytes: Buffer): ProxyHeader | 'more' | 'bad' => readWith(bytes, isIP);

const signature = '0d0a0d0a000d0a515549540a';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const client = { remoteAddress: '192.0.2.1', localAddress: '198.51.100.1', remotePort: 4_711, localPort: 443 };

const headers: readonly [what: string, bytes: Buffer, client: object | null][] = [
  ['a line', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n'), client],
  [
    'a line with IPv6',
    Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 2\r\n'),
    { remoteAddress: '2001:db8::1', localAddress: '::1', remotePort: 1, localPort: 2 },
  ],
  ['a line that knows nothing', Buffer.from('PROXY UNKNOWN whatever it is\r\n'), null],
  ['a block', hex(`${signature} 21 11 000c c0000201 c6336401 1267 01bb`), client],
  [
    'a block with more behind the addresses',
    hex(`${signature} 21 11 0010 c0000201 c6336401 1267 01bb 04000141`),
    client,
  ],
  [
    'a block with IPv6',
    hex(`${signature} 21 21 0024 20010db8000000000000000000000001 00000000000000000000000000000001 0001 0002`),
    { remoteAddress: '2001:db8::1', localAddress: '::1', remotePort: 1, localPort: 2 },
  ],
  ['a block of the proxy itself', hex(`${signature} 20 00 0000`), null],
  ['a block of a Unix socket', hex(`${signature} 21 31 00d8 ${'00'.repeat(216)}`), null],
];

describe('readProxyHeader()', () => {
  for (const [what, bytes, expected] of headers) {
    it(`reads ${what}, however it is cut`, () => {
      const after = Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')]);
      assert.deepEqual(readProxyHeader(after), { length: bytes.length, client: expected });
      for (let cut = 0; cut < bytes.length; cut += 1) assert.equal(readProxyHeader(bytes.subarray(0, cut)), 'more');
    });
  }

  it('refuses what is none, as soon as it can be told', () => {
    for (const text of [
      'GET / HTTP/1.1\r\n',
      'P\r\n',
      `PROXY ${'x'.repeat(200)}`,
      'PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n',
      'PROXY TCP4 192.0.2.1 ::1 1 2\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 4711 99999\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n',
      'PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n',
    ])
      assert.equal(readProxyHeader(Buffer.from(text)), 'bad', text);
    for (const block of ['11 11 000c', '2f 11 000c', '21 11 ffff', '21 11 0004 00000000'])
      assert.equal(readProxyHeader(hex(`${signature} ${block}`)), 'bad', block);
  });
});
