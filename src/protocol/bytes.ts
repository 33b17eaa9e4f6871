// Bytes as they are read: views of a buffer that is used again, byte strings of some of them, and runs of those that may stand in a part of a head. Pure.

/** The byte string of some bytes. As `toString('latin1')`, without what that does to find out what is meant. */
export function bytesText(bytes: Buffer, from: number, to: number): string {
  return (bytes as unknown as { latin1Slice(from: number, to: number): string }).latin1Slice(from, to);
}

/** The same byte string in one piece: one that was joined is put together again wherever it is written, and one that was cut holds the whole. */
export function inOnePiece(bytes: string): string {
  return bytesText(Buffer.from(bytes, 'latin1'), 0, bytes.length);
}

/** Bytes that are compared here: above that it is quicker to have it done. */
const fewBytes = 120;

/** Whether those bytes stand at a place among others. */
export function isThere(known: Uint8Array, bytes: Buffer, at: number): boolean {
  const { length } = known;
  if (bytes.length - at < length) return false;
  if (length > fewBytes) {
    // Most that differ are longer or shorter.
    if (bytes[at + length - 5] !== known[length - 5] || bytes[at + length - 2] !== known[length - 2]) return false;
    return bytes.compare(known, 0, length, at, at + length) === 0;
  }
  for (let i = 0; i < length; i += 1) if (bytes[at + i] !== known[i]) return false;
  return true;
}

// Views: to make one takes as long as to read a small record, and each request has five. A client's heads and a program's answers are of a few lengths,
// which come again and again, so that one view for each of those is enough. What does not find its own is made as ever.

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

/** The view that was made last: of the same place in the same lent bytes, it is the same. */
export class LastView {
  #whole: Buffer | null = null;
  #from = 0;
  #view: Buffer | null = null;

  of(whole: Buffer, from: number, to: number): Buffer {
    if (from === 0 && to === whole.length) return whole;
    if (this.#view !== null && whole === this.#whole && from === this.#from && to - from === this.#view.length)
      return this.#view;
    this.#whole = whole;
    this.#from = from;
    this.#view = whole.subarray(from, to);
    return this.#view;
  }
}

// Runs. Over bytes, not over strings: on those `charCodeAt` costs twice as much, and this is most of a head's reading.

const tokenBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

/** HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5): everything but the other control bytes. */
export const valueBytes = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

// Wider than RFC 3986: browsers and links in the wild send "{" and "|" as they are, and some clients a path as bytes of UTF-8. Never a
// control byte, a space, or "#": what follows it never belongs to a request.
const targetBytes = tableOf((code) => code > 0x20 && code !== 0x7f && code !== 0x23);

/** Where the run of token bytes ends that begins at `from`. */
export function endOfToken(bytes: Uint8Array, from: number): number {
  return endOfRun(tokenBytes, bytes, from);
}

/** Where the run of bytes ends that a field value may hold, white space too. */
export function endOfValue(bytes: Uint8Array, from: number): number {
  return endOfRun(valueBytes, bytes, from);
}

/** Where the run of bytes ends that a request target may hold. */
export function endOfTarget(bytes: Uint8Array, from: number): number {
  return endOfRun(targetBytes, bytes, from);
}

function endOfRun(table: Uint8Array, bytes: Uint8Array, from: number): number {
  let at = from;
  while (table[bytes[at]!] === 1) at += 1;
  return at;
}

/** Of each byte, 1 where it is allowed. */
export function tableOf(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0));
}
