// Small files that are held in memory, up to a total: those that were asked for last.

/** Bytes of all files that are held. */
const MAX_HELD_BYTES = 16_777_216;
/** What is counted for a file beside its bytes, so that empty ones have their limit, too. */
const BYTES_PER_FILE = 1_024;

/** What holds a file's bytes, and may be told to let them go. */
export interface FileHolder {
  bytes: Buffer | null;
}

/** The files that one site holds. */
export class HeldFiles {
  /** In the order in which they were used last. */
  readonly #holders = new Map<string, FileHolder>();
  readonly #maxBytes: number;
  #heldBytes = 0;

  constructor(maxBytes = MAX_HELD_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** What is held, and some for each file. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Holds the bytes of the file at a path, in the place of those that were held of it; the least recently used are let go. */
  hold(path: string, holder: FileHolder, bytes: Buffer): void {
    this.release(path);
    this.#holders.set(path, holder);
    // A copy of its own size: what was read may lie in a pool, all of which would be held.
    holder.bytes = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(holder.bytes);
    this.#heldBytes += bytes.length + BYTES_PER_FILE;
    for (const oldest of this.#holders.keys()) {
      if (this.#heldBytes <= this.#maxBytes) return;
      this.release(oldest);
    }
  }

  /** The file at a path was used. */
  touch(path: string): void {
    const holder = this.#holders.get(path);
    if (holder === undefined) return;
    this.#holders.delete(path);
    this.#holders.set(path, holder);
  }

  release(path: string): void {
    const holder = this.#holders.get(path);
    if (holder === undefined) return;
    this.#holders.delete(path);
    this.#heldBytes -= (holder.bytes?.length ?? 0) + BYTES_PER_FILE;
    holder.bytes = null;
  }
}
