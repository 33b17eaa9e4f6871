// The body of one HTTP/2 request (RFC 9113, section 8.1), as a stream that may be given up without ending the answer beside it.

import type { ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import { BodyRate } from './client-limits.ts';

/** Bytes that are held for a handler that does not read; above that the client's window is not opened again. */
const highWaterMarkBytes = 65_536;

/** A request body. A client that stopped sending comes as the stream's error. */
export class Http2Body extends Readable {
  readonly #stream: ServerHttp2Stream;
  readonly #expectsContinue: boolean;
  readonly #tell: (bytes: number) => void;
  readonly #rate = new BodyRate();
  #state: 'unread' | 'reading' | 'paused' | 'whole' | 'cut' = 'unread';
  /** Bytes that came. */
  length = 0;

  /** @param tell told of bytes that came */
  constructor(stream: ServerHttp2Stream, expectsContinue: boolean, tell: (bytes: number) => void) {
    super({ highWaterMark: highWaterMarkBytes });
    this.#stream = stream;
    this.#expectsContinue = expectsContinue;
    this.#tell = tell;
    // A handler that does not care for the body listens to no error of it; without a listener one would end the process.
    this.on('error', () => {});
    stream.on('end', () => this.#ended());
  }

  /** Whether its last byte has come. */
  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  /** Whether the handler waits for what the client is to send. */
  get isAwaited(): boolean {
    return this.#state === 'reading' && !this.destroyed;
  }

  /** See `BodyRate.at`. */
  rateAt(nowMs: number): number {
    return this.#rate.at(nowMs, this.isAwaited);
  }

  /** Nothing more comes. Repeatable. */
  cut(error: PosternError): void {
    if (this.#state === 'whole' || this.#state === 'cut') return;
    this.#state = 'cut';
    this.destroy(error);
  }

  override _read(): void {
    if (this.#state === 'unread') this.#begin();
    else if (this.#state === 'paused') {
      this.#state = 'reading';
      this.#stream.resume();
    }
  }

  #begin(): void {
    this.#state = 'reading';
    if (this.#stream.destroyed || this.#stream.closed) return;
    if (this.#expectsContinue && !this.#stream.headersSent) this.#stream.additionalHeaders({ ':status': 100 });
    this.#stream.on('data', (chunk: Buffer) => this.#received(chunk));
  }

  #received(chunk: Buffer): void {
    this.length += chunk.length;
    this.#rate.received(chunk.length);
    this.#tell(chunk.length);
    if (this.destroyed || this.push(chunk) || this.#state !== 'reading') return;
    this.#state = 'paused';
    this.#stream.pause();
  }

  /** The library's stream ends without an error where its client reset it with NO_ERROR, too: `aborted` tells that first. */
  #ended(): void {
    if (this.#state === 'cut') return;
    if (this.#stream.aborted) {
      this.cut(new PosternError('BODY_INCOMPLETE', 'the client reset its request within the body'));
      return;
    }
    this.#state = 'whole';
    if (!this.destroyed) this.push(null);
  }
}
