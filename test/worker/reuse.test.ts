// When a lane's kept connection may carry another request.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test from 'node:test';
import { keepsAfter, needsNew } from '../../src/worker/lane.ts';
import { mayResend } from '../../src/worker/lane-handle.ts';
import { bodyOf, cgiRequest, streamBody } from '../support/cgi-request.ts';
import { plainProgram } from '../support/programs.ts';

const get = cgiRequest();
const put = cgiRequest({ method: 'PUT', body: bodyOf('a') });
const post = cgiRequest({ method: 'POST', idempotent: false });
const program = (reuse: 'always' | 'bodiless' | 'never', preforks = false) => ({ ...plainProgram(), reuse, preforks });

test('a connection is kept after a request as reuse says', () => {
  const kept = (['always', 'bodiless', 'never'] as const).map((reuse) =>
    [get, put].map((request) => keepsAfter(program(reuse), request)),
  );
  assert.deepEqual(kept, [
    [true, true],
    [true, false],
    [false, false],
  ]);
});

test('what may not be sent twice has a new connection with "bodiless", unless a child that is known serves the kept one', () => {
  assert.equal(needsNew(program('bodiless'), post), true);
  assert.equal(needsNew(program('bodiless'), get), false);
  assert.equal(needsNew(program('always'), post), false);
  assert.equal(needsNew(program('bodiless', true), post), false);
});

test('only what is idempotent, with bodies that can be read again, is sent again', () => {
  const streamed = cgiRequest({ method: 'PUT', body: streamBody(Readable.from([]), null) });
  assert.deepEqual([get, put, post, streamed].map(mayResend), [true, true, false, false]);
});
