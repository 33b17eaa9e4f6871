import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Coding,
  chooseCoding,
  codedHeader,
  codings,
  withVary,
} from '../../../src/protocol/http/accept-encoding.ts';

describe('the coding that a client gets', () => {
  const table: [value: string | null, expected: Coding | null][] = [
    [null, null],
    ['', null],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['GZIP;Q=0.5, BR;q=0.4', 'gzip'],
    ['br;q=0.9, gzip;q=1.0', 'gzip'],
    ['gzip;q=0, br;q=0', null],
    ['*', 'zstd'],
    ['*;q=0, gzip', 'gzip'],
    ['zstd;q=0, *', 'br'],
    ['identity, gzip;q=0.5', null],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['deflate, compress', null],
    ['gzip;q=nonsense, br', 'br'],
    ['gzip;q=2', null],
  ];
  for (const [value, expected] of table) {
    it(`is ${expected} for ${value === null ? 'no Accept-Encoding' : `"${value}"`}`, () => {
      assert.equal(chooseCoding(value === null ? [] : ['Accept-Encoding', value], codings), expected);
    });
  }

  it('is one that is at hand, and the preferred one of those that are liked as much', () => {
    assert.equal(chooseCoding(['accept-encoding', 'gzip, br, zstd'], ['gzip', 'br']), 'gzip');
    assert.equal(chooseCoding(['Accept-Encoding', 'gzip', 'Accept-Encoding', 'br'], codings), 'br');
    assert.equal(chooseCoding(['Accept-Encoding', 'br'], []), null);
  });
});

describe('the header of an answer that varies', () => {
  it('says so once', () => {
    assert.deepEqual(withVary([]), ['Vary', 'Accept-Encoding']);
    assert.deepEqual(withVary(['vary', 'Origin', 'A', 'b']), ['vary', 'Origin, Accept-Encoding', 'A', 'b']);
    for (const value of ['*', 'accept-encoding', 'Origin, Accept-Encoding']) {
      assert.deepEqual(withVary(['Vary', value]), ['Vary', value]);
    }
    assert.deepEqual(withVary(['Vary', 'Origin', 'Vary', 'Accept-Encoding']), [
      'Vary',
      'Origin',
      'Vary',
      'Accept-Encoding',
    ]);
  });

  it('has no length, no ranges and a weak tag where it is coded', () => {
    const headers = ['ETag', '"a"', 'Content-Length', '9', 'Accept-Ranges', 'bytes', 'Content-Type', 'text/html'];
    assert.deepEqual(codedHeader(headers, 'br'), [
      ...['ETag', 'W/"a"', 'Content-Type', 'text/html', 'Content-Encoding', 'br', 'Vary', 'Accept-Encoding'],
    ]);
    assert.equal(codedHeader(['ETag', 'W/"a"'], 'br')[1], 'W/"a"');
  });
});
