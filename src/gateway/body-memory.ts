// The memory that request bodies take while they come in, of all sites together.
//
// What is to come in is gathered in blocks that are mapped for themselves: given back, they are the system's again at once. Memory from the heap is
// not: hundreds of uploads that stalled and were given up would leave a process a hundred megabytes larger.

/** Bytes of a block. */
export const blockBytes = 65_536;
/** Blocks that are kept for the next body: uploads of usual sizes need no new ones. */
const mostFree = 16;

/** Above the limit each body goes to disk, however small it is. */
export class BodyMemory {
  readonly #maxBytes: number;
  #bytes = 0;
  readonly #free: Buffer[] = [];

  /** @param maxBytes 0: no limit */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false where there is no room, and nothing was taken */
  take(count: number): boolean {
    if (this.#maxBytes > 0 && this.#bytes + count > this.#maxBytes) return false;
    this.#bytes += count;
    return true;
  }

  giveBack(count: number): void {
    this.#bytes -= count;
  }

  /** A block to fill. */
  block(): Buffer {
    return this.#free.pop() ?? Buffer.from(new ArrayBuffer(blockBytes, { maxByteLength: blockBytes }));
  }

  /** Nobody reads or writes the block any more. */
  release(block: Buffer): void {
    if (this.#free.length < mostFree) this.#free.push(block);
    else (block.buffer as ArrayBuffer).resize(0);
  }
}

/** What has come of one body. */
export class GatheredBody {
  readonly #memory: BodyMemory;
  readonly #blocks: Buffer[] = [];
  /** A body that has come in one piece. */
  #whole: Uint8Array | null = null;
  #length = 0;

  constructor(memory: BodyMemory) {
    this.#memory = memory;
  }

  /** @param isLast whether it is known that nothing follows @param isLent whether the bytes will be written over */
  add(bytes: Uint8Array, isLast: boolean, isLent: boolean): void {
    if (isLast && this.#length === 0) {
      this.#whole = isLent ? Buffer.from(bytes) : bytes;
      return;
    }
    for (let from = 0; from < bytes.length; ) {
      const at = this.#length % blockBytes;
      if (at === 0) this.#blocks.push(this.#memory.block());
      const count = Math.min(bytes.length - from, blockBytes - at);
      this.#blocks.at(-1)!.set(bytes.subarray(from, from + count), at);
      this.#length += count;
      from += count;
    }
  }

  /** All of it, in memory that anybody may keep; the blocks are given back. */
  join(): Uint8Array {
    if (this.#whole !== null) return this.#whole;
    const joined = Buffer.allocUnsafe(this.#length);
    let at = 0;
    this.empty((bytes) => {
      joined.set(bytes, at);
      at += bytes.length;
    });
    return joined;
  }

  /** Gives all blocks back. Repeatable. @param take is lent each first, in order */
  empty(take?: (bytes: Uint8Array) => void): void {
    if (this.#whole !== null) take?.(this.#whole);
    this.#whole = null;
    let left = this.#length;
    this.#length = 0;
    for (const block of this.#blocks.splice(0)) {
      take?.(block.subarray(0, Math.min(left, blockBytes)));
      left -= blockBytes;
      this.#memory.release(block);
    }
  }
}
