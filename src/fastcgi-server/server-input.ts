// STDIN or DATA of one request on the application side: what came and was not read yet, as a RequestBody.

import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { RequestBody } from '../protocol/cgi/exchange.ts';

/** Who holds the peer back while too much of an input is unread. */
export interface InputOwner {
  /** Called whenever bytes came or were read. */
  unreadChanged(input: ServerInput): void;
}

/**
 * What is done with it: `kept` for who asks for the whole; `streamed`: somebody reads; `wanted`: somebody reads, and waits for bytes that have
 * not come; `dropped`: nobody reads it any more.
 */
type Use = 'kept' | 'streamed' | 'wanted' | 'dropped';

const moves: Readonly<Record<Use, readonly Use[]>> = {
  kept: ['streamed', 'dropped'],
  streamed: ['wanted', 'dropped'],
  wanted: ['streamed', 'dropped'],
  dropped: [],
};

/** A stream that a web server sends us. It ends well only when as many bytes came as were announced. */
export class ServerInput implements RequestBody {
  readonly #owner: InputOwner;
  readonly #chunks: Buffer[] = [];
  #length: number | null = null;
  #unreadBytes = 0;
  #receivedBytes = 0;
  /** Whether the peer has closed the stream, or will send no more. */
  #isComplete = false;
  #use: Use = 'kept';
  /** Why no more will come, where that is not the end. */
  #error: PosternError | null = null;
  #stream: Readable | null = null;

  constructor(owner: InputOwner) {
    this.#owner = owner;
  }

  /** As it was announced; null where nothing was. */
  get length(): number | null {
    return this.#length ?? (this.#isComplete ? this.#receivedBytes : null);
  }

  /** The whole of it, once it came in full and while nobody has begun to stream it. */
  get bytes(): Buffer | null {
    if (!this.#isComplete || this.#error !== null || this.#use !== 'kept') return null;
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get replayable(): boolean {
    return false;
  }

  /** Whether the peer has closed the stream. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether all bytes came that were announced; where none were, whether none came. */
  get isContentComplete(): boolean {
    return this.#receivedBytes === (this.#length ?? 0);
  }

  /** Why it is not what was announced; null while it may be. */
  get error(): PosternError | null {
    return this.#error;
  }

  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Whether somebody waits for bytes that have not come. */
  get isWanted(): boolean {
    return this.#use === 'wanted' && !this.#isComplete;
  }

  /** A stream over what is unread; the same one each time. */
  stream(): Readable {
    if (this.#stream !== null) return this.#stream;
    if (this.#use === 'kept') this.#move('streamed');
    this.#stream = new Readable({
      highWaterMark: 65_536,
      read: () => this.#read(),
      destroy: (error, done) => {
        this.discard();
        done(error);
      },
    });
    return this.#stream;
  }

  /** Says how many bytes will come, from CONTENT_LENGTH or FCGI_DATA_LENGTH; null: until the stream is closed. */
  announce(length: number | null): void {
    this.#length = length;
    this.#check();
  }

  /** Takes the next bytes and keeps them. */
  push(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#use === 'dropped') return;
    this.#check();
    this.#chunks.push(chunk);
    this.#unreadBytes += chunk.length;
    if (this.#use === 'wanted') this.#read();
    this.#owner.unreadChanged(this);
  }

  /** The peer closed the stream. */
  end(): void {
    this.#isComplete = true;
    if (this.#length !== null && this.#receivedBytes < this.#length) {
      const wanted = `${this.#receivedBytes} of ${this.#length} bytes of the body came`;
      this.#error ??= new PosternError('BODY_INCOMPLETE', wanted);
    }
    if (this.#use === 'wanted') this.#read();
  }

  /** The peer will send no more. */
  fail(error: PosternError): void {
    this.#error ??= error;
    this.#isComplete = true;
    if (this.#use === 'wanted') this.#read();
  }

  /** Nobody reads it any more: forgets what is there, and what still comes. */
  discard(): void {
    if (this.#use === 'dropped') return;
    this.#move('dropped');
    this.#chunks.length = 0;
    this.#unreadBytes = 0;
    this.#owner.unreadChanged(this);
  }

  #check(): void {
    if (this.#length === null || this.#receivedBytes <= this.#length) return;
    this.#error ??= new PosternError(
      'BAD_REQUEST',
      `${this.#receivedBytes} bytes of the body came where ${this.#length} were announced`,
    );
  }

  #read(): void {
    const stream = this.#stream!;
    if (this.#use === 'wanted') this.#move('streamed');
    if (this.#error !== null) {
      stream.destroy(this.#error);
      return;
    }
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#unreadBytes -= chunk.length;
      stream.push(chunk);
      this.#owner.unreadChanged(this);
    } else if (this.#isComplete) {
      stream.push(null);
    } else if (this.#use === 'dropped') {
      stream.destroy(new PosternError('BODY_INCOMPLETE', 'the request is over, and its body was given up'));
    } else {
      this.#move('wanted');
    }
  }

  #move(to: Use): void {
    if (!moves[this.#use].includes(to)) throw new Error(`an input cannot go from ${this.#use} to ${to}`);
    this.#use = to;
  }
}
