import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesToLog } from '../../src/protocol/text.ts';

/** A text as the bytes that it is on the wire. */
const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const rows: readonly [what: string, bytes: string, shown: string][] = [
  ['plain text', 'GET /a b', 'GET /a b'],
  ['letters of other languages', bytes('/caf\u00e9/\u05d0'), '/caf\u00e9/\u05d0'],
  ['bytes that are no UTF-8', '/caf\xe9', '/caf\ufffd'],
  ['control bytes', 'a\x00\x1b[31m\x7f\n', 'a\\x00\\x1b[31m\\x7f\\x0a'],
  ['C1 controls', bytes('a\u009b31m'), 'a\\x9b31m'],
  [
    'marks of writing direction',
    bytes('gpj.\u202e\u2066\u2069\u200e\u200f\u061cphp'),
    'gpj.\\x202e\\x2066\\x2069\\x200e\\x200f\\x61cphp',
  ],
  ['line separators', bytes('a\u2028b\u2029'), 'a\\x2028b\\x2029'],
];

describe('a byte string in a log', () => {
  for (const [what, given, shown] of rows) {
    it(`is safe to print: ${what}`, () => assert.equal(bytesToLog(given, 1_000), shown));
  }

  it('is cut', () => assert.equal(bytesToLog('abcdef', 3), 'abc...'));
});
