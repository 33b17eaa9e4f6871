// What an HTTP/2 session sends: bodies as far as both windows and the socket have room for them (RFC 9113, section 5.2), in turns where several wait. Pure.

import { FrameWriter, type SpareFrames } from './frame-writer.ts';
import { defaultWindow, errorCodes, Http2Fault, largestWindow, maxFrameBytes } from './http2-codes.ts';
import type { Http2Stream } from './http2-stream.ts';

/** What a sender needs of its session. */
export interface SenderOwner {
  readonly spare: SpareFrames;
  /** Takes bytes for the client, which are its own. @returns false: no more of what can wait should come until `drained` */
  send(bytes: Buffer): boolean;
  /** The whole answer of a stream is sent. */
  finished(stream: Http2Stream): void;
}

const noBytes = Buffer.alloc(0);

/** The sending side of one session. */
export class Http2Sender {
  readonly frames: FrameWriter;
  readonly #owner: SenderOwner;
  #window = defaultWindow;
  /** Streams that the connection had no room for. */
  readonly #line: Http2Stream[] = [];
  #isFull = false;
  /** Bytes of bodies that were sent. */
  sentBytes = 0;
  #isPumping = false;

  constructor(owner: SenderOwner) {
    this.#owner = owner;
    this.frames = new FrameWriter(owner.spare, (bytes) => this.#send(bytes));
  }

  /** Whether the client has room for more of bodies, in all. */
  get hasWindow(): boolean {
    return this.#window > 0;
  }

  /** Sends what waits of a stream, or puts it into the line. */
  pump(stream: Http2Stream): void {
    if (stream.waiting === 0) {
      // An end that holds nothing takes no room.
      if (stream.isPending) this.#sendEnd(stream);
      return;
    }
    if (!stream.isInLine) {
      stream.isInLine = true;
      this.#line.push(stream);
    }
    this.#pumpLine();
  }

  /** A stream is closed. */
  drop(stream: Http2Stream): void {
    if (!stream.isInLine) return;
    stream.isInLine = false;
    this.#line.splice(this.#line.indexOf(stream), 1);
  }

  /** The client has room for more, in all. */
  open(bytes: number): void {
    this.#window += bytes;
    if (this.#window > largestWindow) throw new Http2Fault(errorCodes.flowControlError, 'its window is too large');
    this.#pumpLine();
  }

  /** The socket has room again. */
  drained(): void {
    this.#isFull = false;
    this.#pumpLine();
  }

  #send(bytes: Buffer): void {
    if (!this.#owner.send(bytes)) this.#isFull = true;
  }

  #pumpLine(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const line = this.#line;
    try {
      while (line.length > 0 && !this.#isFull && this.#window > 0) {
        const stream = line.shift()!;
        stream.isInLine = false;
        // Its owner may have put it there again.
        if (!this.#sendPiece(stream) || stream.isInLine) continue;
        stream.isInLine = true;
        line.push(stream);
      }
    } finally {
      this.#isPumping = false;
    }
  }

  #sendEnd(stream: Http2Stream): void {
    this.frames.data(stream.id, noBytes, 0, 0, true);
    this.#owner.finished(stream);
  }

  /** @returns whether it may send more */
  #sendPiece(stream: Http2Stream): boolean {
    const piece = stream.piece!;
    const from = stream.sentOfPiece;
    const length = Math.min(piece.length - from, maxFrameBytes, this.#window, stream.sendWindow);
    if (length <= 0) return false;
    this.#window -= length;
    this.sentBytes += length;
    const isLast = stream.sent(length);
    this.frames.data(stream.id, piece, from, from + length, isLast);
    if (isLast) this.#owner.finished(stream);
    else stream.tellDrained();
    return stream.waiting > 0 && stream.sendWindow > 0;
  }
}
