// What an outcome means for a process.

import assert from 'node:assert/strict';
import test from 'node:test';
import { type Verdict, verdictOn } from '../../src/leases/release.ts';
import type { SeatOutcome } from '../../src/queue/seat.ts';

const verdicts: readonly [outcome: SeatOutcome, verdict: Verdict][] = [
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
  [{ code: 'ANSWER_TIMEOUT', isDone: false, isAborted: true }, 'kill'],
  [{ code: 'POOL_CLOSING', isDone: false, isAborted: false }, 'kill'],
  [{ code: 'REQUEST_ENDED', isDone: false, isAborted: false }, 'end'],
  [{ code: 'REQUEST_ENDED', isDone: false, isAborted: true }, 'end'],
  [{ code: null, isDone: true, isAborted: true }, 'keep'],
  [{ code: 'CONNECTION_LOST', isDone: false, isAborted: true }, 'leave'],
];

for (const [outcome, verdict] of verdicts) {
  const { code, isDone, isAborted } = outcome;
  const when = `${code ?? 'a complete answer'}${isDone ? '' : ', not done'}${isAborted ? ', the client gone' : ''}`;
  test(`the verdict on a process after ${when} is ${verdict}`, () => assert.equal(verdictOn(outcome), verdict));
}
