// Sends a part of an open file, one piece after another through one buffer, as fast as the client reads.

import { closeSync, read } from 'node:fs';
import { toPosternError } from '../errors.ts';
import type { Producer, Reply } from './reply.ts';

/** Each read is a trip to a thread and back, which costs more than 64 KiB are worth. */
const PIECE_BYTES = 262_144;
/** Buffers that are kept for the next files; more are used at a time than that, where so many clients read. */
const MAX_SPARE_PIECES = 8;

/** Buffers that no pump uses: to allocate one for each file costs several times what reading it does. */
export class SparePieces {
  readonly #pieces: Buffer[] = [];

  acquire(): Buffer {
    return this.#pieces.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  release(piece: Buffer): void {
    if (this.#pieces.length < MAX_SPARE_PIECES) this.#pieces.push(piece);
  }
}

/** Sends one file, and closes it. */
export class FilePump implements Producer {
  readonly #reply: Reply;
  readonly #fd: number;
  readonly #end: number;
  readonly #spare: SparePieces;
  readonly #piece: Buffer;
  #at: number;
  #isReading = false;
  #isStopped = false;

  /** @param fd an open file, which is the pump's from here on; `start()` must follow */
  constructor(reply: Reply, fd: number, from: number, end: number, spare: SparePieces) {
    this.#reply = reply;
    this.#fd = fd;
    this.#at = from;
    this.#end = end;
    this.#spare = spare;
    this.#piece = spare.acquire();
  }

  start(): void {
    this.#reply.producer = this;
    this.resume();
  }

  /** Reads the next piece. */
  resume(): void {
    this.#isReading = true;
    const length = Math.min(this.#piece.length, this.#end - this.#at);
    read(this.#fd, this.#piece, 0, length, this.#at, (error, count) => this.#came(error, count));
  }

  #came(error: Error | null, count: number): void {
    this.#isReading = false;
    if (this.#isStopped) {
      this.#close();
    } else if (error !== null) {
      // The reply stops its producer, and so the file is closed.
      this.#reply.fail(toPosternError(error));
    } else {
      this.#pass(count);
    }
  }

  #pass(count: number): void {
    this.#at += count;
    // The front copies what it keeps of a piece, so the next bytes may be read into it.
    const goesOn = count === 0 || this.#reply.write(this.#piece.subarray(0, count));
    if (this.#isStopped) return;
    if (count > 0 && this.#at < this.#end) {
      if (goesOn) this.resume();
      return;
    }
    this.abort();
    // A file that has become shorter since: the front sees that Content-Length is not reached, and aborts.
    this.#reply.end();
  }

  /** Reads no more. Repeatable: a number that was closed may by now be another file's. */
  abort(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    // A thread may be reading into the piece: then its return closes.
    if (!this.#isReading) this.#close();
  }

  #close(): void {
    closeSync(this.#fd);
    this.#spare.release(this.#piece);
  }
}
