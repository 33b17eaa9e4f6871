import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAnswerHead } from '../src/php-exchange.ts';

const head = (status: number, ...lines: string[]) =>
  parseAnswerHead(Buffer.from(JSON.stringify({ status, headers: [...lines, '__terminator__'] })));

describe('parseAnswerHead()', () => {
  it('takes names and values as bytes, with no more than blanks cut off', () => {
    assert.deepEqual(head(200, 'X-City:  voilà ').headers, ['X-City', 'voil\xc3\xa0']);
  });

  it('lets a Status field win', () => {
    assert.deepEqual(head(200, 'Status: 404 Not Found', 'A: b'), { status: 404, reason: '', headers: ['A', 'b'] });
  });

  it('refuses an answer without a header', () => {
    assert.throws(() => parseAnswerHead(Buffer.alloc(0)), { code: 'ANSWER_INVALID' });
  });
});
