// Gathers a block of fields that comes in several frames (RFC 9113, sections 4.3 and 6.10), within limits. Pure.

import { errorCodes, Http2Fault } from './http2-codes.ts';

/** Frames that one block may come in after its first (CVE-2024-27316). */
const mostContinuations = 32;

/** The block of one session. */
export class FieldBlock {
  readonly #maxBytes: number;
  #stream = 0;
  #isLast = false;
  #pieces: Buffer[] = [];
  #length = 0;

  /** @param maxBytes as they come, in HPACK */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whose block goes on; 0: there is none. */
  get stream(): number {
    return this.#stream;
  }

  /** Whether nothing comes on the stream after it. */
  get isLast(): boolean {
    return this.#isLast;
  }

  begin(stream: number, isLast: boolean): void {
    this.#stream = stream;
    this.#isLast = isLast;
  }

  /** @throws Http2Fault where it is too much */
  add(bytes: Buffer, from: number, to: number): void {
    this.#length += to - from;
    if (this.#pieces.length > mostContinuations || this.#length > this.#maxBytes) {
      throw new Http2Fault(errorCodes.enhanceYourCalm, 'it sent CONTINUATION without an end');
    }
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)));
  }

  /** All of it; there is none any more. */
  take(): Buffer {
    const block = Buffer.concat(this.#pieces, this.#length);
    this.#stream = 0;
    this.#pieces = [];
    this.#length = 0;
    return block;
  }
}
