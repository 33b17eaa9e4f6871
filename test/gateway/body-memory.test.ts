import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyMemory, blockBytes, GatheredBody } from '../../src/gateway/body-memory.ts';
import fc from '../support/seeded-fast-check.ts';

describe('a gathered body', () => {
  it('is what was added, however that was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 6 }), (sizes) => {
        const memory = new BodyMemory(0);
        const body = new GatheredBody(memory);
        const all = Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, `${at}abc`)));
        let from = 0;
        for (const size of sizes) {
          body.add(all.subarray(from, from + size), from + size === all.length, true);
          from += size;
        }
        assert.deepEqual(Buffer.from(body.join()), all);
      }),
    );
  });

  it('gives its memory back to the system at once, but for a few blocks, and lends what it had before', () => {
    const memory = new BodyMemory(0);
    const bodies = Array.from({ length: 40 }, () => new GatheredBody(memory));
    const blocks = bodies.map((body) => {
      body.add(Buffer.alloc(100, 'x'), false, true);
      let lent: Uint8Array | null = null;
      body.empty((bytes) => {
        lent = bytes;
      });
      assert.equal(Buffer.from(lent!).toString(), 'x'.repeat(100));
      return memory.block();
    });
    for (const block of blocks) memory.release(block);
    const kept = blocks.filter((block) => block.buffer.byteLength === blockBytes);
    assert.ok(kept.length <= 16, `${kept.length} blocks are kept`);
    assert.ok(blocks.some((block) => block.buffer.byteLength === 0));
  });
});
