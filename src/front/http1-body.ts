// The body of one HTTP/1.1 request as a stream that its connection fills.

import { Readable } from 'node:stream';

/** Bytes that are held for a handler that does not read; the socket is paused above that. */
const highWaterMarkBytes = 65_536;

/** What a body needs of its connection. */
export interface BodyConnection {
  /** The handler waits for bytes. */
  bodyWanted(body: Http1Body): void;
}

/** A request body. Its framing's errors and a client that stopped sending come as the stream's error. */
export class Http1Body extends Readable {
  readonly #connection: BodyConnection;
  #hasRoom = true;

  constructor(connection: BodyConnection) {
    super({ highWaterMark: highWaterMarkBytes });
    this.#connection = connection;
    // A handler that does not care for the body listens to no error of it; without a listener one would end the process.
    this.on('error', () => {});
  }

  /** Whether more bytes may be given before the handler reads. */
  get hasRoom(): boolean {
    return this.#hasRoom || this.destroyed;
  }

  /** Gives bytes of the body, which are lent; those after the handler has destroyed the stream are dropped. */
  readonly give = (data: Buffer): void => {
    if (!this.destroyed) this.#hasRoom = this.push(Buffer.from(data));
  };

  override _read(): void {
    this.#hasRoom = true;
    this.#connection.bodyWanted(this);
  }
}
