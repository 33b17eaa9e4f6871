import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, errorTable, PosternError } from '../../src/errors.ts';
import { type ErrorAnswer, errorAnswer } from '../../src/gateway/error-page.ts';

const browser = ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'];
const secret = new PosternError('ANSWER_TIMEOUT', 'no answer from /srv/www/index.php', { fields: { pid: 4711 } });

const field = ({ headers }: ErrorAnswer, name: string): string | undefined =>
  headers[headers.findIndex((one, i) => i % 2 === 0 && one === name) + 1];

describe('errorAnswer()', () => {
  const formats: readonly [accept: string, type: string][] = [
    [browser[1]!, 'text/html; charset=utf-8'],
    ['application/json', 'application/json'],
    ['application/problem+json, text/html', 'application/json'],
    ['text/html, application/json', 'text/html; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
    ['image/png', 'text/plain; charset=utf-8'],
    ['', 'text/plain; charset=utf-8'],
  ];
  for (const [accept, type] of formats) {
    it(`answers ${type} to who accepts ${JSON.stringify(accept)}`, () => {
      assert.equal(field(errorAnswer(secret, ['Accept', accept]), 'Content-Type'), type);
    });
  }

  it('tells clients the code and its sentence, never the message: no paths, no pids', () => {
    for (const accept of ['text/html', 'application/json', '*/*']) {
      const { body } = errorAnswer(secret, ['Accept', accept]);
      const text = Buffer.from(body).toString();
      assert.doesNotMatch(text, /srv|index\.php|4711/);
      assert.match(text, /took too long to answer/);
    }
  });

  it('says the same in JSON, for programs', () => {
    const { body } = errorAnswer(new PosternError('QUEUE_FULL', ''), ['Accept', 'application/json']);
    assert.deepEqual(JSON.parse(Buffer.from(body).toString()), {
      error: { status: 503, code: 'QUEUE_FULL', message: 'The server is busy.', retryable: true },
    });
  });

  it('gives Retry-After where trying again makes sense, in whole seconds', () => {
    const after = (code: ErrorCode, retryAfterS?: unknown) => {
      const answer = errorAnswer(new PosternError(code, '', { fields: { retryAfterS } }), []);
      return answer.headers.includes('Retry-After') ? field(answer, 'Retry-After') : null;
    };
    assert.equal(after('QUEUE_FULL'), '1');
    assert.equal(after('POOL_RESTING', 2.4), '3');
    assert.equal(after('POOL_RESTING', 'soon'), '1');
    assert.equal(after('NOT_FOUND', 5), null);
  });

  it('has a page for every code, with its status and without anything from elsewhere', () => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const answer = errorAnswer(new PosternError(code, ''), browser);
      const page = Buffer.from(answer.body).toString();
      assert.equal(answer.status, errorTable[code].status);
      assert.equal(field(answer, 'Content-Length'), String(answer.body.length));
      assert.match(page, /^<!doctype html>\n<html lang="en">/);
      assert.doesNotMatch(page, /(?:src|href|url)\b|<script|undefined/, code);
    }
  });
});
