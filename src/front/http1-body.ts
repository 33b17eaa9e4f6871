// The body of one HTTP/1.1 request as a stream that its connection fills.

import { Readable } from 'node:stream';
import type { IncomingBody } from '../gateway/message.ts';
import { BodyDecoder } from '../protocol/http/http1-body-decoder.ts';
import { BodyRate } from './client-limits.ts';

/** Bytes that are held for a handler that does not read; the socket is paused above that. */
const highWaterMarkBytes = 65_536;

/** What a body needs of its connection. */
export interface BodyConnection {
  /** The handler waits for bytes. */
  bodyWanted(body: Http1Body): void;
}

/** A request body. Its framing's errors and a client that stopped sending come as the stream's error. */
export class Http1Body extends Readable implements IncomingBody {
  readonly #connection: BodyConnection;
  readonly #decoder: BodyDecoder;
  #hasRoom = true;
  readonly #rate = new BodyRate();
  /** Who is lent the bytes; null: they are copied for the stream's reader. */
  #take: ((bytes: Uint8Array) => boolean) | null = null;

  /** @param contentLength null: the body is chunked */
  constructor(connection: BodyConnection, contentLength: number | null) {
    super({ highWaterMark: highWaterMarkBytes });
    this.#connection = connection;
    this.#decoder = new BodyDecoder(contentLength);
    // A handler that does not care for the body listens to no error of it; without a listener one would end the process.
    this.on('error', () => {});
  }

  /** Whether more bytes may be given before the handler reads. */
  get hasRoom(): boolean {
    return this.#hasRoom || this.destroyed;
  }

  /** Whether its last byte has come. */
  get isWhole(): boolean {
    return this.#decoder.isDone;
  }

  /** See `BodyRate.at`. @param mayCome whether the client could send, but for a handler that does not read */
  rateAt(nowMs: number, mayCome: boolean): number {
    return this.#rate.at(nowMs, mayCome && this.hasRoom);
  }

  /**
   * Takes the bytes of `chunk`, which are lent, from `from` on; those that come after the handler has destroyed it are dropped.
   * @returns where the body's bytes end in `chunk`
   * @throws BAD_REQUEST
   */
  receive(chunk: Buffer, from: number): number {
    const to = this.#decoder.decode(chunk, from, this.#give);
    this.#rate.received(to - from);
    if (this.#decoder.isDone && !this.destroyed) this.push(null);
    return to;
  }

  lendTo(take: (bytes: Uint8Array) => boolean): void {
    let hasRoom = true;
    // What came with the head.
    for (let held: Buffer | null = this.read(); held !== null; held = this.read()) hasRoom = take(held);
    this.#take = take;
    this.#hasRoom = hasRoom;
    // The stream has no reader any more, but its end is still to come.
    this.resume();
  }

  lendMore(): void {
    this._read();
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#connection.bodyWanted(this);
  }

  readonly #give = (data: Buffer): void => {
    if (this.destroyed) return;
    this.#hasRoom = this.#take === null ? this.push(Buffer.from(data)) : this.#take(data);
  };
}
