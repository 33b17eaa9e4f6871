// HPACK by the examples of RFC 7541, appendix C, and by what another implementation writes.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import type { HttpRequest } from '../../src/gateway/message.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { encodeField, encodeStatus } from '../../src/http2/hpack-encoder.ts';
import { Http2Fault } from '../../src/http2/http2-codes.ts';
import { startHttp2 } from '../conformance/http2-cases.ts';
import fc from '../support/seeded-fast-check.ts';

const limits = { maxFields: 400, maxBytes: 131_072 };

function read(decoder: HpackDecoder, hex: string): string[] {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length);
}

const get = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const requests = [
  get,
  [...get, 'cache-control', 'no-cache'],
  [
    ...[':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com'],
    ...['custom-key', 'custom-value'],
  ],
];

const tail = ['location', 'https://www.example.com'];
const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const answers = [
  [':status', '302', 'cache-control', 'private', 'date', date, ...tail],
  [':status', '307', 'cache-control', 'private', 'date', date, ...tail],
  [
    ...[':status', '200', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:22 GMT', ...tail],
    ...['content-encoding', 'gzip', 'set-cookie', cookie],
  ],
];

/** Blocks of one connection, in their order. */
const examples: readonly (readonly [section: string, blocks: readonly string[], expected: readonly string[][]])[] = [
  ['C.2.1', ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'], [['custom-key', 'custom-header']]],
  ['C.2.2', ['040c 2f73 616d 706c 652f 7061 7468'], [[':path', '/sample/path']]],
  ['C.2.3', ['1008 7061 7373 776f 7264 0673 6563 7265 74'], [['password', 'secret']]],
  ['C.2.4', ['82'], [[':method', 'GET']]],
  [
    'C.3',
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    requests,
  ],
  [
    'C.4',
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    requests,
  ],
  [
    // The table has 256 bytes there, which is said at the beginning.
    'C.5',
    [
      `3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    answers,
  ],
  [
    'C.6',
    [
      `3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    answers,
  ],
];

describe('HPACK (RFC 7541, appendix C)', () => {
  for (const [section, blocks, expected] of examples) {
    it(`${section} is read`, () => {
      const decoder = new HpackDecoder(limits);
      assert.deepEqual(
        blocks.map((block) => read(decoder, block)),
        expected,
      );
      assert.ok(decoder.isValid && decoder.isWithin);
    });
  }

  it('C.1: integers are written in the bytes that they need', () => {
    // The name of no table has the length 10, in a prefix of seven bits, and 1337, with bytes that follow.
    assert.equal(Buffer.from(encodeField('x'.repeat(10), ''), 'latin1')[1], 10);
    const long = Buffer.from(encodeField('x', 'y'.repeat(1_337)), 'latin1');
    assert.equal(long.subarray(3, 6).toString('hex'), '7fba09');
  });
});

/** Bytes of a value that is well formed. */
const value = fc
  .array(
    fc.constantFrom(...Array.from({ length: 256 }, (_, code) => code).filter((code) => code >= 0x21 && code !== 0x7f)),
  )
  .map((codes) => String.fromCharCode(...codes));
const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,40}$/);

describe('HPACK', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.integer({ min: 200, max: 599 }), (fields, status) => {
        const text = encodeStatus(status) + fields.map(([one, other]) => encodeField(one, other)).join('');
        const decoder = new HpackDecoder({ maxFields: 1_000, maxBytes: 1_000_000 });
        const bytes = Buffer.from(text, 'latin1');
        assert.deepEqual(decoder.decode(bytes, 0, bytes.length), [':status', String(status), ...fields.flat()]);
        assert.ok(decoder.isValid);
      }),
    );
  });

  it('keeps the name of a field whose value is not well formed', () => {
    const decoder = new HpackDecoder(limits);
    read(decoder, '40 03 782d61 02 6201');
    assert.ok(!decoder.isValid);
    assert.deepEqual(read(decoder, '7e 01 62'), ['x-a', 'b']);
    assert.ok(decoder.isValid);
    read(decoder, 'bf');
    assert.ok(!decoder.isValid);
    // A name that is none stays so.
    read(decoder, '40 01 41 01 62');
    read(decoder, '7e 01 62');
    assert.ok(!decoder.isValid);
  });

  it('reads any bytes, or says that they are none', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder({ maxFields: 20, maxBytes: 500 });
        for (const block of blocks) {
          try {
            const fields = decoder.decode(Buffer.from(block), 0, block.length);
            assert.ok(fields.length <= 40 && fields.join('').length <= 500);
          } catch (thrown) {
            assert.ok(thrown instanceof Http2Fault);
            return;
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads what another implementation writes: each byte in its Huffman code, and fields of its table again', async (t) => {
    const got: HttpRequest[] = [];
    const { port } = await startHttp2(t, {
      handler: (request, answer) => {
        got.push(request);
        answer.head(204, []);
        answer.end();
      },
    });
    const session = connect(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => code >= 0x20 && code !== 0x7f);
    // It takes the code where that is shorter.
    const fields = Object.fromEntries(
      codes.map((code) => [`x-${code}`, `${'e'.repeat(40)}${String.fromCharCode(code).repeat(2)}e`]),
    );
    const some = Object.entries(fields);
    for (let round = 0; round < 2; round += 1) {
      for (let at = 0; at < some.length; at += 40) {
        const stream = session.request({ ':path': '/', ...Object.fromEntries(some.slice(at, at + 40)) });
        await new Promise((resolve) => stream.on('close', resolve).resume());
        const { headers } = got.at(-1)!;
        for (const [field, expected] of some.slice(at, at + 40)) {
          assert.equal(headers[headers.indexOf(field) + 1], expected, field);
        }
      }
    }
  });
});
