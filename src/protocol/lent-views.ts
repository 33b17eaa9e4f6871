// Views of what was read into a buffer, used again: to make one takes as long as to read a small record, and each request has five. Pure.
//
// A client's heads and a program's answers are of a few lengths, which come again and again, so that one view for each of those is enough. What does not
// find its own is made as ever.

/** Views that are kept of one buffer: some ten kilobytes of them. */
const viewCount = 64;

/** Gives the first bytes of one buffer, which are lent: whoever gets them is done with them before the next are given. */
export class LentViews {
  readonly #buffer: Buffer;
  /** By their lengths, modulo how many there are. */
  readonly #views: Buffer[];

  /** @param buffer which is written to and read again and again */
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#views = Array.from({ length: viewCount }, () => buffer);
  }

  /**
   * @param length at most the buffer's
   * @returns a view of so many bytes; the same one for the same length, as long as no other took its place
   */
  first(length: number): Buffer {
    const known = this.#views[length % viewCount]!;
    if (known.length === length) return known;
    const view = this.#buffer.subarray(0, length);
    this.#views[length % viewCount] = view;
    return view;
  }
}
