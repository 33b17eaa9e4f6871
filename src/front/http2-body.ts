// The body of one HTTP/2 request (RFC 9113, section 8.1), as a stream that may be given up without ending the answer beside it.

import { Readable } from 'node:stream';
import type { PosternError } from '../errors.ts';
import type { IncomingBody } from '../gateway/message.ts';
import { BodyRate } from './client-limits.ts';

/**
 * Bytes that are held for a handler before it is asked whether it wants more. Half of a stream's window, of which the other half may have been read and not told yet:
 * so whoever wants more has a client that may send. A client has its window's size of what was not read, and no more.
 */
const highWaterMarkBytes = 32_768;

/** What comes in small pieces and is not read at once is joined: a piece costs a hundred bytes and more beside its own. */
const joinedBytes = 4_096;

/** What a body needs of its exchange. */
export interface BodyOwner {
  /** The handler has asked for the first bytes. */
  bodyBegun(): void;
  /** So many bytes were read. */
  credit(bytes: number): void;
}

/** A request body. A client that stopped sending comes as the stream's error. */
export class Http2Body extends Readable implements IncomingBody {
  readonly #owner: BodyOwner;
  readonly #rate = new BodyRate();
  #state: 'unread' | 'reading' | 'whole' | 'cut' = 'unread';
  #hasRoom = true;
  /** A reader has asked for more than is held, and waits. */
  #isStarved = false;
  /** Bytes that came and were not read. */
  #unread = 0;
  /** Small pieces that came last, and are not with the others yet: so many bytes of a block. */
  #joined: Buffer | null = null;
  #joinedLength = 0;
  /** Who is lent the bytes; null: they are copied for the stream's reader. */
  #take: ((bytes: Uint8Array) => boolean) | null = null;
  /** Bytes that came. */
  length = 0;

  constructor(owner: BodyOwner) {
    super({ highWaterMark: highWaterMarkBytes });
    this.#owner = owner;
    // A handler that does not care for the body listens to no error of it; without a listener one would end the process.
    this.on('error', () => {});
  }

  /** Whether its last byte has come. */
  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  /** Whether the handler waits for what the client is to send. */
  get isAwaited(): boolean {
    return this.#state === 'reading' && this.#hasRoom && !this.destroyed;
  }

  /** See `BodyRate.at`. */
  rateAt(nowMs: number): number {
    return this.#rate.at(nowMs, this.isAwaited);
  }

  /** Takes bytes, which are lent. */
  receive(bytes: Buffer): void {
    this.length += bytes.length;
    this.#rate.received(bytes.length);
    this.#unread += bytes.length;
    if (this.destroyed) this.#hasRoom = true;
    else this.#hasRoom = this.#take === null ? this.#hold(bytes) : this.#take(bytes);
    this.#creditRead();
  }

  /** Its last byte has come. */
  finish(): void {
    if (this.#state === 'cut') return;
    this.#state = 'whole';
    if (this.destroyed) return;
    this.#pushJoined();
    this.push(null);
  }

  /** Nothing more comes. Repeatable. */
  cut(error: PosternError): void {
    if (this.#state === 'whole' || this.#state === 'cut') return;
    this.#state = 'cut';
    this.destroy(error);
  }

  lendTo(take: (bytes: Uint8Array) => boolean): void {
    let hasRoom = true;
    // What came before.
    this.#pushJoined();
    for (let held: Buffer | null = super.read(); held !== null; held = super.read()) hasRoom = take(held);
    this.#take = take;
    this.#hasRoom = hasRoom;
    this.#begin();
    this.#creditRead();
    // The stream has no reader any more, but its end is still to come.
    this.resume();
  }

  lendMore(): void {
    this._read();
  }

  override read(size?: number): Buffer | null {
    this.#pushJoined();
    const bytes = super.read(size) as Buffer | null;
    this.#isStarved = bytes === null;
    this.#creditRead();
    return bytes;
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#begin();
    this.#creditRead();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#joined = null;
    this.#joinedLength = 0;
    this.#credit(this.#unread);
    done(error);
  }

  /** Copies bytes for the stream's reader. @returns whether there is room for more */
  #hold(bytes: Buffer): boolean {
    // What is read at once goes as it is.
    if (this.readableLength === 0 || this.#isStarved || bytes.length >= joinedBytes) {
      this.#isStarved = false;
      this.#pushJoined();
      return this.push(Buffer.from(bytes));
    }
    if (this.#joinedLength + bytes.length > joinedBytes) this.#pushJoined();
    this.#joined ??= Buffer.allocUnsafeSlow(joinedBytes);
    this.#joinedLength += bytes.copy(this.#joined, this.#joinedLength);
    return this.#heldBytes < highWaterMarkBytes;
  }

  #pushJoined(): void {
    const block = this.#joined;
    if (block === null) return;
    const length = this.#joinedLength;
    this.#joined = null;
    this.#joinedLength = 0;
    this.push(block.subarray(0, length));
  }

  get #heldBytes(): number {
    return this.readableLength + this.#joinedLength;
  }

  #begin(): void {
    if (this.#state !== 'unread') return;
    this.#state = 'reading';
    this.#owner.bodyBegun();
  }

  /** The client may send as much as was read. */
  #creditRead(): void {
    // Who is lent the bytes has them read when there is room again. What comes for nobody is read.
    if (this.destroyed) this.#credit(this.#unread);
    else if (this.#take === null) this.#credit(this.#unread - this.#heldBytes);
    else if (this.#hasRoom) this.#credit(this.#unread);
  }

  #credit(bytes: number): void {
    if (bytes <= 0) return;
    this.#unread -= bytes;
    this.#owner.credit(bytes);
  }
}
