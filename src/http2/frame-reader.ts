// Cuts what comes of a client into frames (RFC 9113, sections 3.4 and 4.1), however the bytes are cut. It holds one frame at most. Pure.

import { clientPreface, errorCodes, frameHeadBytes, Http2Fault, maxFrameBytes } from './http2-codes.ts';

/** Takes frames. */
export interface FrameTaker {
  /** The payload stands in `bytes` from `from` to `to`, and is lent. */
  frame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void;
}

const noBytes = Buffer.alloc(0);

/** Reads one connection. */
export class FrameReader {
  readonly #taker: FrameTaker;
  /** Bytes of the preface that have come. */
  #prefaceBytes = 0;
  /** What came of a frame that is not complete: with room for its head, and once that is known for all of it. */
  #held: Buffer = noBytes;
  #heldBytes = 0;

  constructor(taker: FrameTaker) {
    this.#taker = taker;
  }

  /**
   * Takes what came, which is lent.
   * @throws Http2Fault where it is not HTTP/2, and what the taker throws
   */
  read(chunk: Buffer): void {
    let at = this.#prefaceBytes < clientPreface.length ? this.#readPreface(chunk) : 0;
    if (this.#heldBytes > 0) at = this.#complete(chunk, at);
    while (chunk.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + lengthAt(chunk, at);
      if (end > chunk.length) break;
      this.#give(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#hold(chunk, at);
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    for (; at < chunk.length && this.#prefaceBytes < clientPreface.length; at += 1, this.#prefaceBytes += 1) {
      if (chunk[at] !== clientPreface[this.#prefaceBytes]) {
        throw new Http2Fault(errorCodes.protocolError, 'it does not begin as HTTP/2 does');
      }
    }
    return at;
  }

  #hold(chunk: Buffer, at: number): void {
    const isKnown = chunk.length - at >= frameHeadBytes;
    this.#held = Buffer.allocUnsafe(frameHeadBytes + (isKnown ? lengthAt(chunk, at) : 0));
    this.#heldBytes = chunk.copy(this.#held, 0, at);
  }

  /** @returns where the bytes of the held frame end in `chunk` */
  #complete(chunk: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const copied = chunk.copy(this.#held, this.#heldBytes, at);
      at += copied;
      this.#heldBytes += copied;
      if (this.#heldBytes < this.#held.length) return at;
      const held = this.#held;
      const length = lengthAt(held, 0);
      if (held.length === frameHeadBytes + length) {
        this.#held = noBytes;
        this.#heldBytes = 0;
        this.#give(held, 0, held.length);
        return at;
      }
      this.#held = Buffer.allocUnsafe(frameHeadBytes + length);
      held.copy(this.#held);
    }
  }

  #give(bytes: Buffer, at: number, end: number): void {
    const stream = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.#taker.frame(bytes[at + 3]!, bytes[at + 4]!, stream, bytes, at + frameHeadBytes, end);
  }
}

/** @throws Http2Fault where a frame is larger than we allow */
function lengthAt(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > maxFrameBytes) throw new Http2Fault(errorCodes.frameSizeError, `a frame of ${length} bytes`);
  return length;
}
