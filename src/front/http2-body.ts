// The body of one HTTP/2 request (RFC 9113, section 8.1), as a stream that may be given up without ending the answer beside it.

import { Readable } from 'node:stream';
import type { PosternError } from '../errors.ts';
import type { IncomingBody } from '../gateway/message.ts';
import { BodyRate } from './client-limits.ts';

/** Bytes that are held for a handler that does not read before the client's window is not opened again; it may send that window's size beyond. */
const highWaterMarkBytes = 65_536;

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
  /** Bytes that came while there was no room. */
  #unread = 0;
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
    if (this.destroyed) this.#hasRoom = true;
    else this.#hasRoom = this.#take === null ? this.push(Buffer.from(bytes)) : this.#take(bytes);
    if (this.#hasRoom) this.#owner.credit(bytes.length);
    else this.#unread += bytes.length;
  }

  /** Its last byte has come. */
  finish(): void {
    if (this.#state === 'cut') return;
    this.#state = 'whole';
    if (!this.destroyed) this.push(null);
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
    for (let held: Buffer | null = this.read(); held !== null; held = this.read()) hasRoom = take(held);
    this.#take = take;
    this.#hasRoom = hasRoom;
    this.#begin();
    if (hasRoom) this.#creditAll();
    // The stream has no reader any more, but its end is still to come.
    this.resume();
  }

  lendMore(): void {
    this._read();
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#begin();
    this.#creditAll();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#creditAll();
    done(error);
  }

  #begin(): void {
    if (this.#state !== 'unread') return;
    this.#state = 'reading';
    this.#owner.bodyBegun();
  }

  #creditAll(): void {
    const bytes = this.#unread;
    this.#unread = 0;
    if (bytes > 0) this.#owner.credit(bytes);
  }
}
