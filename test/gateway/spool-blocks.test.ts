import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BlockHolder, SpoolBlocks } from '../../src/gateway/spool-blocks.ts';

/** A holder that notes what it is told, and takes its block as soon as it may. */
function holder(blocks: SpoolBlocks, name: string, told: string[]): BlockHolder & { block: Buffer | null } {
  const self: BlockHolder & { block: Buffer | null } = {
    block: null,
    writeEarly: () => void told.push(`${name} writes early`),
    blockFreed: () => {
      told.push(`${name} is next`);
      self.block = blocks.acquire(self);
    },
  };
  self.block = blocks.acquire(self);
  return self;
}

describe('spool blocks', () => {
  it('are used again, and are never more than their limit', () => {
    const blocks = new SpoolBlocks(2);
    const told: string[] = [];
    const holders = Array.from({ length: 5 }, (_, i) => holder(blocks, `${i}`, told));
    assert.deepEqual(
      holders.map(({ block }) => block !== null),
      [true, true, false, false, false],
    );
    assert.equal(blocks.count, 2);
    const first = holders[0]!.block!;
    blocks.forget(holders[0]!);
    blocks.release(first);
    assert.equal(holders[2]!.block, first);
    assert.equal(blocks.count, 2);
  });

  it('that have been filled for longest are written early while somebody waits, and go to who waited longest', () => {
    const blocks = new SpoolBlocks(2);
    const told: string[] = [];
    const [a, b] = [holder(blocks, 'a', told), holder(blocks, 'b', told)];
    assert.deepEqual(told, []);
    const c = holder(blocks, 'c', told);
    const d = holder(blocks, 'd', told);
    assert.deepEqual(told.splice(0), ['a writes early', 'a writes early']);
    for (const one of [a, b]) {
      blocks.forget(one);
      blocks.release(one.block!);
    }
    // c was given a's block while d waited: b, which had filled its own for longest, was asked next.
    assert.deepEqual(told, ['c is next', 'b writes early', 'd is next']);
    assert.ok(c.block !== null && d.block !== null);
  });

  it('do not go to one that has given up', () => {
    const blocks = new SpoolBlocks(1);
    const told: string[] = [];
    const a = holder(blocks, 'a', told);
    const b = holder(blocks, 'b', told);
    const c = holder(blocks, 'c', told);
    blocks.forget(b);
    blocks.forget(a);
    blocks.release(a.block!);
    assert.equal(b.block, null);
    assert.ok(c.block !== null);
  });
});
