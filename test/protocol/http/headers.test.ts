import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldsBytes, fieldValue, fieldValues, isNamed, parseHost } from '../../../src/protocol/http/headers.ts';

const headers = ['Host', 'a', 'ACCEPT', 'x', 'accept', 'y'];

describe('header fields', () => {
  it('are found in any case, the first one first', () => {
    assert.equal(fieldValue(headers, 'accept'), 'x');
    assert.equal(fieldValue(headers, 'cookie'), undefined);
    assert.deepEqual(fieldValues(headers, 'accept'), ['x', 'y']);
  });

  it('are not found by a value that looks like a name', () => {
    assert.equal(fieldValue(['A', 'host', 'B', 'c'], 'host'), undefined);
  });

  it('are counted as they stand on the wire', () => assert.equal(fieldsBytes(['Host', 'a']), 'Host: a\r\n'.length));

  it('compare names byte by byte', () => {
    assert.ok(isNamed('HoSt', 'host'));
    assert.ok(!isNamed('hos', 'host'));
  });
});

describe('parseHost()', () => {
  const valid: readonly [string, string, number | null][] = [
    ['example.org', 'example.org', null],
    ['Example.ORG:8080', 'example.org', 8080],
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['[::1]:8000', '[::1]', 8000],
    ['my_app', 'my_app', null],
    ['a.', 'a.', null],
  ];
  for (const [text, name, port] of valid) {
    it(`takes ${text}`, () => assert.deepEqual(parseHost(text), { name, port }));
  }

  const invalid = [
    '',
    ' ',
    'a b',
    'a/b',
    'a@b',
    'a:',
    'a:x',
    'a:65536',
    'a,b',
    "a'b",
    'a"b',
    '[::1',
    '::1',
    'a\tb',
    '<a>',
    'é',
    '-a',
  ];
  for (const text of invalid) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseHost(text), null));
  }
});
