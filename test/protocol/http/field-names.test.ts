// The usual names of header fields, found by their bytes.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { usualName } from '../../../src/protocol/http/field-names.ts';
import { parseFields } from '../../../src/protocol/http/headers.ts';

const find = (text: string): string | undefined => {
  const bytes = Buffer.from(`..${text}:`, 'latin1');
  return usualName(bytes, 2, 2 + text.length);
};

it('usualName() finds a name as it is usually written, and in lower case', () => {
  for (const name of ['Host', 'host', 'User-Agent', 'user-agent', 'sec-ch-ua-platform', 'TE', 'X-Forwarded-For'])
    assert.equal(find(name), name);
});

it('usualName() finds nothing that differs in one byte', () => {
  for (const name of ['Hosu', 'hOst', 'Hos', 'Hostt', 'User_Agent', 'user-Agent', 'x', 'X-Forwarded-Fos', 'H\xf6st'])
    assert.equal(find(name), undefined);
});

it('parseFields() keeps each name as it came', () => {
  const text = 'uSER-aGENT: a\r\nUser-Agent: b\r\nuser-agent: c\r\nX-Of-Mine: d\r\n';
  assert.deepEqual(parseFields(Buffer.from(text), text, 0, text.length), [
    ...['uSER-aGENT', 'a', 'User-Agent', 'b', 'user-agent', 'c', 'X-Of-Mine', 'd'],
  ]);
});
