// The memory in which bodies are gathered on their way to disk: a few large blocks that all bodies of a site share, used again and again.

/** Bytes of a block, and so of a write to disk. Small writes cost more in waking threads than in copying; see docs/measurements.md. */
export const BLOCK_BYTES = 1_048_576;
/** Blocks that exist at most, whatever the number of uploads. */
const MAX_BLOCKS = 16;
/** Blocks that are kept when nothing is spooled. Those beyond are mapped memory that goes back to the system at once. */
const IDLE_BLOCKS = 2;

/** A body that fills a block. */
export interface BlockHolder {
  /** Others wait: write what the block holds, unless a write is under way. */
  writeEarly(): void;
  /** A block is free now. */
  blockFreed(): void;
}

/**
 * Each block is free, or being filled, or being written. So nobody waits for ever for one: while none is free, each that comes
 * back goes to who waits longest, and if none is being written, the one that has been filled for longest is, full or not.
 */
export class SpoolBlocks {
  readonly #maxBlocks: number;
  readonly #free: Buffer[] = [];
  #made = 0;
  /** Those whose block is being filled, and those who wait for one; longest first. */
  readonly #filling = new Set<BlockHolder>();
  readonly #waiting = new Set<BlockHolder>();

  constructor(maxBlocks: number = MAX_BLOCKS) {
    this.#maxBlocks = maxBlocks;
  }

  /** Blocks that exist. */
  get count(): number {
    return this.#made;
  }

  /** A block to fill; null: there is none, and `blockFreed()` will be called. */
  acquire(holder: BlockHolder): Buffer | null {
    const block = this.#free.pop() ?? this.#make();
    if (block !== null) {
      this.#waiting.delete(holder);
      this.#filling.add(holder);
      return block;
    }
    this.#waiting.add(holder);
    this.#askOldest();
    return null;
  }

  /** Nobody reads or writes the block any more. */
  release(block: Buffer): void {
    this.#free.push(block);
    const [next] = this.#waiting;
    if (next === undefined) {
      if (this.#free.length === this.#made) this.#shrink();
      return;
    }
    this.#waiting.delete(next);
    next.blockFreed();
    // One comes back for each that is written: who waits still is for the next.
    if (this.#waiting.size > 0) this.#askOldest();
  }

  /** The holder fills no block and waits for none: what it had is being written, or given back. */
  forget(holder: BlockHolder): void {
    this.#filling.delete(holder);
    this.#waiting.delete(holder);
  }

  #make(): Buffer | null {
    if (this.#made === this.#maxBlocks) return null;
    this.#made += 1;
    return Buffer.from(new ArrayBuffer(BLOCK_BYTES, { maxByteLength: BLOCK_BYTES }));
  }

  #shrink(): void {
    for (const block of this.#free.splice(IDLE_BLOCKS)) (block.buffer as ArrayBuffer).resize(0);
    this.#made = this.#free.length;
  }

  #askOldest(): void {
    const [oldest] = this.#filling;
    oldest?.writeEarly();
  }
}
