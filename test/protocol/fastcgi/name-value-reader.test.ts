import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../../src/errors.ts';
import type { Environment } from '../../../src/protocol/cgi/exchange.ts';
import { decodeNameValues, NameValueReader } from '../../../src/protocol/fastcgi/name-value-reader.ts';
import { encodeNameValues } from '../../../src/protocol/fastcgi/record-writer.ts';

const pairs: [title: string, environment: Environment, hex: string][] = [
  ['nothing', {}, ''],
  ['one pair', { A: 'b' }, '0101 41 62'],
  ['an empty value', { A: '' }, '0100 41'],
  ['an empty name', { '': 'b' }, '0001 62'],
  ['two pairs', { A: 'b', CD: 'ef' }, '0101 41 62 0202 4344 6566'],
  ['bytes above 127', { A: '\xff\x80' }, '0102 41 ff80'],
  ['a value of 127 bytes', { A: 'x'.repeat(127) }, `017f 41 ${'78'.repeat(127)}`],
  ['a value of 128 bytes', { A: 'x'.repeat(128) }, `01 80000080 41 ${'78'.repeat(128)}`],
  ['a name of 128 bytes', { ['n'.repeat(128)]: 'v' }, `80000080 01 ${'6e'.repeat(128)} 76`],
  [
    'both of 128 bytes',
    { ['n'.repeat(128)]: 'v'.repeat(128) },
    `80000080 80000080 ${'6e'.repeat(128)} ${'76'.repeat(128)}`,
  ],
];

describe('name-value pairs', () => {
  for (const [title, environment, hex] of pairs) {
    it(`are the same as bytes and as values: ${title}`, () => {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      assert.equal(encodeNameValues(environment).toString('hex'), bytes.toString('hex'));
      assert.deepEqual({ ...decodeNameValues(bytes) }, environment);
    });

    it(`may be cut at any byte: ${title}`, () => {
      const bytes = encodeNameValues(environment);
      for (let size = 1; size < 9; size += 1) {
        const reader = new NameValueReader();
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
        assert.deepEqual({ ...reader.end() }, environment);
      }
    });
  }

  it('may have a short length in the long form', () => {
    assert.deepEqual({ ...decodeNameValues(Buffer.from('80000001800000014162', 'hex')) }, { A: 'b' });
  });

  it('keep the later value of a name that comes twice', () => {
    assert.deepEqual({ ...decodeNameValues(Buffer.from('0101416201014163', 'hex')) }, { A: 'c' });
  });

  it('may have names of Object.prototype', () => {
    const environment = decodeNameValues(Buffer.from(`0901${Buffer.from('__proto__').toString('hex')}62`, 'hex'));
    assert.deepEqual(Object.entries(environment), [['__proto__', 'b']]);
    assert.equal(Object.getPrototypeOf(environment), null);
  });

  const cut = ['01', '0101', '010141', '80', '800000', '8000000101', '0180000001', '01ff'];
  for (const hex of cut) {
    it(`are refused when they end within a pair: ${hex}`, () => {
      assert.throws(() => decodeNameValues(Buffer.from(hex, 'hex')), hasCode('PROTOCOL_ERROR'));
    });
  }

  it('are refused above the limit of bytes, before anything is kept for a length that only claims', () => {
    assert.throws(() => decodeNameValues(Buffer.alloc(300_000)), hasCode('PARAMS_TOO_LARGE'));
    assert.throws(() => decodeNameValues(Buffer.from('ffffffffffffffff', 'hex')), hasCode('PARAMS_TOO_LARGE'));
    assert.throws(
      () => decodeNameValues(encodeNameValues({ A: 'x'.repeat(100) }), { maxBytes: 100, maxPairs: 10 }),
      hasCode('PARAMS_TOO_LARGE'),
    );
  });

  it('are refused above the limit of pairs', () => {
    assert.throws(() => decodeNameValues(Buffer.alloc(2_002)), hasCode('PARAMS_TOO_LARGE'));
  });

  it('take time in proportion to their size when they come byte by byte', () => {
    const bytes = encodeNameValues({ A: 'x'.repeat(200_000) });
    const reader = new NameValueReader();
    for (let at = 0; at < bytes.length; at += 1) reader.push(bytes.subarray(at, at + 1));
    assert.equal(reader.end().A!.length, 200_000);
  });
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof PosternError && error.code === code;
}
