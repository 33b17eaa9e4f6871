import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldsBytes, fieldValue, fieldValues, isNamed } from '../../../src/protocol/http/headers.ts';

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
