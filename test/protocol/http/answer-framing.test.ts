import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAnswerHead } from '../../../src/protocol/http/answer-framing.ts';

describe('formatAnswerHead()', () => {
  it('writes status, reason and fields in their order', () => {
    const head = formatAnswerHead(404, ['B', '1', 'A', '\xe9'], true);
    assert.deepEqual(head, {
      text: 'HTTP/1.1 404 Not Found\r\nB: 1\r\nA: \xe9\r\n',
      headers: ['B', '1', 'A', '\xe9'],
      declaredLength: -1,
      hasDate: false,
    });
  });

  it('writes a status that has no name', () => {
    assert.equal(formatAnswerHead(299, [], true).text, 'HTTP/1.1 299 \r\n');
  });

  it('tells the declared length and whether there is a Date', () => {
    const head = formatAnswerHead(200, ['content-length', '12', 'DATE', 'now'], true);
    assert.equal(head.declaredLength, 12);
    assert.equal(head.hasDate, true);
  });

  it('leaves Content-Length out where the status may have none, or the value is no number', () => {
    assert.equal(formatAnswerHead(204, ['Content-Length', '0'], false).text, 'HTTP/1.1 204 No Content\r\n');
    assert.equal(formatAnswerHead(200, ['Content-Length', '1, 1'], true).text, 'HTTP/1.1 200 OK\r\n');
  });
});
