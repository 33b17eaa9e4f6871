// What a lane makes of failures.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { codeOf } from '../../src/worker/lane-failure.ts';

const failed = (cause: unknown): PosternError => new PosternError('CONNECT_FAILED', 'cannot connect', { cause });

test('no descriptors left: the worker is not to blame for it', () => {
  assert.equal(codeOf(failed(Object.assign(new Error('too many open files'), { code: 'EMFILE' }))), 'OVERLOADED');
  assert.equal(codeOf(failed(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))), 'CONNECT_FAILED');
  assert.equal(codeOf(failed(null)), 'CONNECT_FAILED');
});
