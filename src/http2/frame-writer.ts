// Writes frames (RFC 9113, section 6) one after another into a block, which is sent as one piece. Pure.

import { errorCodes, frameFlags, frameHeadBytes, frameTypes, maxFrameBytes } from './http2-codes.ts';

/** A block that nobody uses, shared by all connections of a front: each needs one for a moment only. */
export interface SpareFrames {
  frames: Buffer | null;
}

/** Room for three whole frames of a body, and more of what is small. */
const blockBytes = 65_536;

/** From so many bytes on a block is given away, and else what it holds is copied. */
const givenBytes = 24_576;

const noBytes = Buffer.alloc(0);

/** The frames of one connection. */
export class FrameWriter {
  readonly #spare: SpareFrames;
  readonly #send: (bytes: Buffer) => void;
  #block: Buffer = noBytes;
  #length = 0;

  /** @param send takes bytes, which are its own */
  constructor(spare: SpareFrames, send: (bytes: Buffer) => void) {
    this.#spare = spare;
    this.#send = send;
  }

  /** Sends what was written. */
  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    const block = this.#block;
    this.#length = 0;
    this.#block = noBytes;
    if (length >= givenBytes) {
      this.#send(block.subarray(0, length));
      return;
    }
    const bytes = Buffer.allocUnsafe(length);
    block.copy(bytes, 0, 0, length);
    this.#spare.frames = block;
    this.#send(bytes);
  }

  /** @param values id, value, id, value */
  settings(values: readonly number[]): void {
    this.#head((values.length / 2) * 6, frameTypes.settings, 0, 0);
    for (let at = 0; at < values.length; at += 2) {
      this.#length = this.#block.writeUInt16BE(values[at]!, this.#length);
      this.#length = this.#block.writeUInt32BE(values[at + 1]!, this.#length);
    }
  }

  settingsTaken(): void {
    this.#head(0, frameTypes.settings, frameFlags.ack, 0);
  }

  /** An answer to a ping. */
  pong(bytes: Buffer, from: number, to: number): void {
    this.#head(to - from, frameTypes.ping, frameFlags.ack, 0);
    this.#length += bytes.copy(this.#block, this.#length, from, to);
  }

  goaway(lastStream: number, code: number): void {
    this.#head(8, frameTypes.goaway, 0, 0);
    this.#uint32(lastStream);
    this.#uint32(code);
  }

  reset(stream: number, code: number = errorCodes.noError): void {
    this.#head(4, frameTypes.resetStream, 0, stream);
    this.#uint32(code);
  }

  windowUpdate(stream: number, bytes: number): void {
    this.#head(4, frameTypes.windowUpdate, 0, stream);
    this.#uint32(bytes);
  }

  /** A block of fields, in as many frames as it needs. @param block a byte string */
  headers(stream: number, block: string, isLast: boolean): void {
    const end = isLast ? frameFlags.endStream : 0;
    if (block.length <= maxFrameBytes) {
      this.#piece(frameTypes.headers, end | frameFlags.endHeaders, stream, block);
      return;
    }
    this.#piece(frameTypes.headers, end, stream, block.slice(0, maxFrameBytes));
    for (let at = maxFrameBytes; at < block.length; at += maxFrameBytes) {
      const flags = at + maxFrameBytes < block.length ? 0 : frameFlags.endHeaders;
      this.#piece(frameTypes.continuation, flags, stream, block.slice(at, at + maxFrameBytes));
    }
  }

  /** A piece of a body, no larger than a frame. */
  data(stream: number, bytes: Buffer, from: number, to: number, isLast: boolean): void {
    this.#head(to - from, frameTypes.data, isLast ? frameFlags.endStream : 0, stream);
    this.#length += bytes.copy(this.#block, this.#length, from, to);
  }

  #piece(type: number, flags: number, stream: number, block: string): void {
    this.#head(block.length, type, flags, stream);
    this.#length += this.#block.write(block, this.#length, 'latin1');
  }

  /** The head of a frame, with room for its payload. */
  #head(length: number, type: number, flags: number, stream: number): void {
    if (this.#length + frameHeadBytes + length > this.#block.length) this.#makeRoom();
    const block = this.#block;
    const at = this.#length;
    block[at] = length >> 16;
    block[at + 1] = length >> 8;
    block[at + 2] = length;
    block[at + 3] = type;
    block[at + 4] = flags;
    block[at + 5] = stream >> 24;
    block[at + 6] = stream >> 16;
    block[at + 7] = stream >> 8;
    block[at + 8] = stream;
    this.#length = at + frameHeadBytes;
  }

  #makeRoom(): void {
    this.flush();
    this.#block = this.#spare.frames ?? Buffer.allocUnsafeSlow(blockBytes);
    this.#spare.frames = null;
  }

  #uint32(value: number): void {
    this.#length = this.#block.writeUInt32BE(value, this.#length);
  }
}
