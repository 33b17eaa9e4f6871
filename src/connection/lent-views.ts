// Views of what was read into a buffer, used again: to make one takes as long as to read a small record.

const viewCount = 64;

/** Gives the first bytes of one buffer, which are lent: whoever gets them is done with them before the next are given. */
export class LentViews {
  readonly #buffer: Buffer;
  /** By their lengths, modulo how many there are. */
  readonly #views: Buffer[];

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#views = Array.from({ length: viewCount }, () => buffer);
  }

  first(length: number): Buffer {
    const known = this.#views[length % viewCount]!;
    if (known.length === length) return known;
    const view = this.#buffer.subarray(0, length);
    this.#views[length % viewCount] = view;
    return view;
  }
}
