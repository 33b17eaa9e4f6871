// The bytes of one HTTP/1.1 connection that came and were not taken yet, and the heads of requests that are read from them.

import { HeadReader, type RequestHead } from '../protocol/http/http1-head-reader.ts';

/** Bytes of later requests that are held while one runs; the socket is to be paused above that. */
const maxBytes = 65_536;

/** Holds bytes as they were lent; `keep` copies what is left of them before they are gone. */
export class Http1Input {
  readonly #heads = new HeadReader();
  #bytes: Buffer | null = null;
  /** Where the bytes begin that were not taken. */
  #from = 0;

  /** Whether no byte waits. */
  get isEmpty(): boolean {
    return this.#bytes === null;
  }

  /** Whether more bytes may come before some are taken. */
  get hasRoom(): boolean {
    return this.#bytes === null || this.#bytes.length - this.#from <= maxBytes;
  }

  /** Adds the bytes of a chunk from `from` on. */
  add(chunk: Buffer, from: number): void {
    if (from === chunk.length) return;
    if (this.#bytes === null) {
      this.#bytes = chunk;
      this.#from = from;
    } else {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#from), chunk.subarray(from)]);
      this.#from = 0;
    }
  }

  /** A chunk is about to be written over. */
  keep(chunk: Buffer): void {
    if (this.#bytes !== chunk) return;
    this.#bytes = Buffer.from(chunk.subarray(this.#from));
    this.#from = 0;
  }

  /**
   * Goes on with a head.
   * @returns the head, once it is complete; null: all bytes were taken and more are needed
   * @throws what `HeadReader.read` throws
   */
  readHead(): RequestHead | null {
    if (this.#bytes === null) return null;
    const head = this.#heads.read(this.#bytes, this.#from);
    this.take(this.#heads.consumed);
    return head;
  }

  /** The bytes that wait. */
  peek(): Buffer {
    return this.#bytes === null ? noBytes : this.#bytes.subarray(this.#from);
  }

  /** So many of the bytes that wait were taken. */
  take(count: number): void {
    if (this.#bytes === null) return;
    this.#from += count;
    if (this.#from >= this.#bytes.length) this.drop();
  }

  drop(): void {
    this.#bytes = null;
    this.#from = 0;
  }
}

const noBytes = Buffer.alloc(0);
