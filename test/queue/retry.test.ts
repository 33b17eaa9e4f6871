// Which requests may be sent again.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FailedAttempt, mayRetry } from '../../src/queue/retry.ts';

const lost: FailedAttempt = {
  code: 'CONNECTION_LOST',
  progress: 'sent',
  end: null,
  isIdempotent: true,
  isReplayable: true,
  hasOther: false,
  attempts: 1,
  begun: 1,
};
const post = { isIdempotent: false };
const unsent = { progress: 'unsent', begun: 0 } as const;

const table: [title: string, given: Partial<FailedAttempt>, expected: boolean][] = [
  ['a GET whose connection broke before any answer', {}, true],
  ['a GET whose connection broke after a byte of STDERR or of half a head', { progress: 'answered' }, false],
  ['a GET that was sent twice', { attempts: 2, begun: 2 }, false],
  ['a GET that made its process crash', { end: 'crash' }, false],
  ['a GET that used up the memory', { end: 'memory' }, false],
  ['a GET whose process was killed from outside', { end: 'killed' }, true],
  ['a GET whose process ended unseen', { end: 'unknown' }, true],
  ['a POST that was sent', post, false],
  ['a POST of which nothing was sent', { ...post, ...unsent }, true],
  ['a POST that met a process which left on purpose', { ...post, end: 'left' }, true],
  ['a POST that met the tenth process which left on purpose', { ...post, end: 'left', attempts: 10, begun: 10 }, true],
  ['what was tried a hundred times', { ...unsent, attempts: 100 }, false],
  ['a POST for which no connection was to be had', { ...post, ...unsent, code: 'CONNECT_FAILED' }, false],
  ['the same with another server', { ...post, ...unsent, code: 'CONNECT_FAILED', hasOther: true }, true],
  ['a POST that a server refused for want of room', { ...post, code: 'OVERLOADED' }, false],
  ['the same with another server', { ...post, code: 'OVERLOADED', hasOther: true }, true],
  ['the same after a byte of STDERR', { ...post, code: 'OVERLOADED', progress: 'answered', hasOther: true }, false],
  ['a GET that took too long', { code: 'ANSWER_TIMEOUT' }, false],
  ['the same with another server', { code: 'ANSWER_TIMEOUT', hasOther: true }, true],
  ['a POST that took too long, with another server', { ...post, code: 'ANSWER_TIMEOUT', hasOther: true }, false],
  ['a GET that was answered with nonsense', { code: 'ANSWER_INVALID', progress: 'answered' }, false],
  ['a GET whose body was cut', { ...unsent, code: 'BODY_INCOMPLETE' }, false],
  ['a request that is too large', { ...unsent, code: 'PARAMS_TOO_LARGE' }, false],
  ['a body that was read once and for all', { ...unsent, isReplayable: false }, false],
];

describe('mayRetry()', () => {
  for (const [title, given, expected] of table) {
    it(`is ${expected} for ${title}`, () => assert.equal(mayRetry({ ...lost, ...given }), expected));
  }
});
