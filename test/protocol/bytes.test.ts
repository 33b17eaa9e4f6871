import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LentViews } from '../../src/protocol/bytes.ts';

it('lent views begin where their buffer does, and are as long as was asked, in whatever order', () => {
  const buffer = Buffer.alloc(4_096);
  const views = new LentViews(buffer);
  for (const length of [1, 65, 1, 4_096, 64, 0, 128, 65, 4_095, 4_096, 0]) {
    const view = views.first(length);
    assert.equal(view.length, length);
    assert.equal(view.buffer, buffer.buffer);
    assert.equal(view.byteOffset, buffer.byteOffset);
    assert.equal(views.first(length), view);
  }
});
