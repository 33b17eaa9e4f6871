import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { Progress } from '../../src/connection/client-exchange.ts';
import { mayRetry } from '../../src/connection/retry.ts';
import { type ErrorCode, PosternError } from '../../src/errors.ts';
import { bodyOf, cgiRequest, streamBody } from '../support/cgi-request.ts';

const get = cgiRequest();
const post = cgiRequest({ idempotent: false, body: bodyOf('a') });
const once = cgiRequest({ body: streamBody(Readable.from([]), null) });

const table: [title: string, request: typeof get, progress: Progress, code: ErrorCode | null, expected: boolean][] = [
  ['a GET whose connection broke before any answer', get, 'sent', 'CONNECTION_LOST', true],
  ['a GET whose connection broke within the answer', get, 'answered', 'CONNECTION_LOST', false],
  ['a POST of which nothing was sent', post, 'unsent', 'CONNECTION_LOST', true],
  ['a POST that was sent', post, 'sent', 'CONNECTION_LOST', false],
  ['a POST for which no connection was made', post, 'unsent', 'CONNECT_FAILED', true],
  ['a POST that was refused for want of room', post, 'answered', 'OVERLOADED', true],
  ['a GET that was answered with nonsense', get, 'answered', 'ANSWER_INVALID', false],
  ['a GET on a damaged connection', get, 'answered', 'PROTOCOL_ERROR', false],
  ['a GET that took too long', get, 'sent', 'ANSWER_TIMEOUT', false],
  ['a GET whose body was cut', get, 'sent', 'BODY_INCOMPLETE', false],
  ['a GET that did not fail', get, 'answered', null, false],
  ['a request whose body was read once and for all', once, 'unsent', 'CONNECT_FAILED', false],
];

describe('mayRetry()', () => {
  for (const [title, request, progress, code, expected] of table) {
    it(`is ${expected} for ${title}`, () => {
      assert.equal(mayRetry({ request, progress, error: code === null ? null : new PosternError(code, '') }), expected);
    });
  }
});
