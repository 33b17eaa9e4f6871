// What the loss of a connection is told as.

import assert from 'node:assert/strict';
import test from 'node:test';
import { isUnread, lossError } from '../../src/connection/lost-connection.ts';

const broken = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
const lost = { name: 'unix:/app.sock', cause: null, isReached: true, isBetweenRecords: true };

test('no descriptors left: nobody was reached, and the application is not to blame for it', () => {
  for (const code of ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOBUFS']) {
    assert.equal(lossError({ ...lost, isReached: false, cause: broken(code) }).code, 'OVERLOADED');
  }
  assert.equal(lossError({ ...lost, isReached: false, cause: broken('ECONNREFUSED') }).code, 'CONNECT_FAILED');
  assert.equal(lossError({ ...lost, isReached: false }).code, 'CONNECT_FAILED');
});

test('a connection that stood is lost, and whether bytes of ours were left unread is seen', () => {
  assert.equal(lossError({ ...lost, cause: broken('EMFILE') }).code, 'CONNECTION_LOST');
  assert.equal(isUnread(lossError({ ...lost, cause: broken('ECONNRESET') })), true);
  assert.equal(isUnread(lossError(lost)), false);
});
