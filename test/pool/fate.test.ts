// What an outcome means for a process, and which requests may be sent again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { type Attempt, type Fate, fateOf, mayRetry } from '../../src/pool/fate.ts';
import type { LaneOutcome } from '../../src/worker/lane.ts';

const fates: readonly [outcome: LaneOutcome, fate: Fate][] = [
  [{ code: null, isDone: true, isAborted: false }, 'keep'],
  [{ code: 'ANSWER_INVALID', isDone: true, isAborted: false }, 'keep'],
  [{ code: 'ANSWER_INVALID', isDone: false, isAborted: false }, 'leave'],
  [{ code: 'OVERLOADED', isDone: true, isAborted: false }, 'keep'],
  [{ code: 'ANSWER_TRUNCATED', isDone: true, isAborted: false }, 'keep'],
  [{ code: 'CONNECTION_LOST', isDone: false, isAborted: false }, 'lost'],
  [{ code: 'CONNECT_FAILED', isDone: false, isAborted: false }, 'unreachable'],
  [{ code: 'PROTOCOL_ERROR', isDone: false, isAborted: false }, 'stop'],
  [{ code: 'CANT_MULTIPLEX', isDone: true, isAborted: false }, 'stop'],
  [{ code: 'ANSWER_TIMEOUT', isDone: false, isAborted: false }, 'kill'],
  [{ code: 'PARAMS_TOO_LARGE', isDone: true, isAborted: false }, 'keep'],
  [{ code: 'BODY_INCOMPLETE', isDone: false, isAborted: false }, 'leave'],
  [{ code: null, isDone: true, isAborted: true }, 'keep'],
  [{ code: 'CONNECTION_LOST', isDone: false, isAborted: true }, 'leave'],
];

for (const [outcome, fate] of fates) {
  const { code, isDone, isAborted } = outcome;
  const when = `${code ?? 'a complete answer'}${isDone ? '' : ', not done'}${isAborted ? ', the client gone' : ''}`;
  test(`the fate of a process after ${when} is ${fate}`, () => assert.equal(fateOf(outcome), fate));
}

const lost: Attempt = {
  code: 'CONNECTION_LOST',
  isIdempotent: true,
  isReplayable: true,
  isUnbegun: false,
  hasAnswer: false,
  attempts: 1,
  begun: 1,
};

test('a request is sent again only where no process began it, or where that does no harm and no byte of answer came', () => {
  assert.equal(mayRetry(lost), true);
  assert.equal(mayRetry({ ...lost, isIdempotent: false }), false);
  assert.equal(mayRetry({ ...lost, isIdempotent: false, isUnbegun: true, begun: 0 }), true);
  assert.equal(mayRetry({ ...lost, hasAnswer: true }), false);
  assert.equal(mayRetry({ ...lost, isReplayable: false }), false);
  assert.equal(mayRetry({ ...lost, code: 'ANSWER_TIMEOUT' }), false);
  assert.equal(mayRetry({ ...lost, code: 'ANSWER_INVALID' }), false);
  assert.equal(mayRetry({ ...lost, code: 'OVERLOADED', isUnbegun: true }), false);
});

test('what a process may have begun is sent twice at most, and nothing is sent for ever', () => {
  assert.equal(mayRetry({ ...lost, attempts: 2, begun: 2 }), false);
  assert.equal(mayRetry({ ...lost, isUnbegun: true, attempts: 10, begun: 0 }), false);
});
