import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FileHolder, HeldFiles } from '../../src/gateway/held-files.ts';

const holder = (): FileHolder => ({ bytes: null });

describe('held files', () => {
  it('are let go above the total, the one first that was not used for longest', () => {
    const held = new HeldFiles(10_000);
    const [a, b, c] = [holder(), holder(), holder()];
    held.hold('/a', a, Buffer.alloc(3_000));
    held.hold('/b', b, Buffer.alloc(3_000));
    held.touch('/a');
    held.hold('/c', c, Buffer.alloc(3_000));
    assert.deepEqual([a.bytes?.length, b.bytes, c.bytes?.length], [3_000, null, 3_000]);
    assert.ok(held.heldBytes <= 10_000);
    held.hold('/d', holder(), Buffer.alloc(20_000));
    assert.deepEqual([a.bytes, c.bytes, held.heldBytes], [null, null, 0]);
  });

  it('are counted once however often one is held, and not after they were released', () => {
    const held = new HeldFiles(10_000);
    const [first, second] = [holder(), holder()];
    held.hold('/a', first, Buffer.from('one'));
    const before = held.heldBytes;
    held.hold('/a', second, Buffer.from('two'));
    assert.deepEqual([held.heldBytes, first.bytes, String(second.bytes)], [before, null, 'two']);
    held.release('/a');
    held.release('/a');
    held.touch('/a');
    assert.deepEqual([held.heldBytes, second.bytes], [0, null]);
  });

  it('are a limited number when they are empty', () => {
    const held = new HeldFiles(10_000);
    const holders = Array.from({ length: 100 }, holder);
    for (const [i, one] of holders.entries()) held.hold(`/${i}`, one, Buffer.alloc(0));
    assert.ok(holders.filter((one) => one.bytes !== null).length < 10);
  });
});
