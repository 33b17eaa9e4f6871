import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldsBytes, fieldValue, fieldValues, isNamed, parseFields } from '../../../src/protocol/http/headers.ts';
import { parseHost } from '../../../src/protocol/http/host.ts';
import { usualName } from '../../../src/protocol/http/usual-names.ts';

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

const findUsual = (text: string): string | undefined => {
  const bytes = Buffer.from(`..${text}:`, 'latin1');
  return usualName(bytes, 2, 2 + text.length);
};

it('usualName() finds a name as it is usually written, and in lower case', () => {
  for (const name of ['Host', 'host', 'User-Agent', 'user-agent', 'sec-ch-ua-platform', 'TE', 'X-Forwarded-For'])
    assert.equal(findUsual(name), name);
});

it('usualName() finds nothing that differs in one byte', () => {
  for (const name of ['Hosu', 'hOst', 'Hos', 'Hostt', 'User_Agent', 'user-Agent', 'x', 'X-Forwarded-Fos', 'H\xf6st'])
    assert.equal(findUsual(name), undefined);
});

it('parseFields() keeps each name as it came', () => {
  const text = 'uSER-aGENT: a\r\nUser-Agent: b\r\nuser-agent: c\r\nX-Of-Mine: d\r\n';
  assert.deepEqual(parseFields(Buffer.from(text), text, 0, text.length), [
    ...['uSER-aGENT', 'a', 'User-Agent', 'b', 'user-agent', 'c', 'X-Of-Mine', 'd'],
  ]);
});
