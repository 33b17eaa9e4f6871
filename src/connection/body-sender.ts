// Sends the bodies of one request, STDIN and then a filter's DATA, as fast as the peer reads and no faster.

import type { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import type { CgiRequest, RequestBody } from '../protocol/cgi/exchange.ts';
import { DATA, STDIN } from '../protocol/fastcgi/record.ts';
import { BodyPieces } from './body-pieces.ts';
import type { Outgoing } from './record-traffic.ts';

/** Content of one record of a body in memory: as much as fits without padding. What is not larger leaves with the request, in one write. */
const PIECE_BYTES = 65_528;

/** Where a sender puts its records. */
export interface BodyTarget {
  readonly outgoing: Outgoing;
  /** The body of the request with this id cannot be sent to its end. */
  bodyFailed(id: number, error: PosternError): void;
}

/** Sends what is in the writer already (the head of the request) together with the beginning of the bodies. */
export class BodySender {
  readonly #target: BodyTarget;
  readonly #id: number;
  /** Streams that are still to be sent; the first is being sent. */
  readonly #streams: { readonly type: typeof STDIN | typeof DATA; readonly body: RequestBody | null }[] = [];
  /** Bytes of the first stream that were sent. */
  #sentBytes = 0;
  #readable: Readable | null = null;
  #pieces: BodyPieces | null = null;
  #isStopped = false;

  constructor(target: BodyTarget, id: number, request: CgiRequest) {
    this.#target = target;
    this.#id = id;
    // An authorizer is given no input (FastCGI 1.0, section 6.3).
    if (request.role !== 'authorizer') this.#streams.push({ type: STDIN, body: request.body });
    if (request.role === 'filter') this.#streams.push({ type: DATA, body: request.data });
  }

  /** Whether all of the request was handed to the socket. */
  get isDone(): boolean {
    return this.#streams.length === 0;
  }

  /** Whether all that came of a body has left, and it goes on: what comes next is not ours to send. */
  get awaitsBody(): boolean {
    return this.#readable !== null && this.#readable.readableFlowing === true && this.#readable.readableLength === 0;
  }

  /** Begins, or goes on after the socket took what it had. */
  pump(): void {
    if (this.#readable !== null) {
      this.#readable.resume();
      return;
    }
    if (this.#pieces !== null) {
      this.#sendNext(this.#pieces);
      return;
    }
    while (!this.#isStopped) {
      const stream = this.#streams[0];
      if (stream === undefined) {
        if (this.#target.outgoing.writer.length > 0) this.#target.outgoing.send();
        return;
      }
      if (stream.body === null || stream.body.bytes !== null) {
        if (!this.#sendPiece(stream.body?.bytes ?? null, stream.type)) return;
      } else {
        if (this.#target.outgoing.writer.length > 0) this.#target.outgoing.send();
        if (this.#isStopped) return;
        this.#pieces = BodyPieces.of(stream.body, stream.type, this.#id);
        if (this.#pieces !== null) this.#sendNext(this.#pieces);
        else this.#sendStream(stream.body, stream.type);
        return;
      }
    }
  }

  /** Sends no more; the streams of the bodies are given back. */
  stop(): void {
    this.#isStopped = true;
    this.#readable?.destroy();
    this.#readable = null;
    this.#pieces = null;
  }

  /** @returns false when the socket wants no more for now */
  #sendPiece(bytes: Uint8Array | null, type: typeof STDIN | typeof DATA): boolean {
    const { writer } = this.#target.outgoing;
    const length = bytes?.length ?? 0;
    const end = Math.min(length, this.#sentBytes + PIECE_BYTES);
    if (bytes !== null && length > 0) {
      writer.content(
        type,
        this.#id,
        end === length && this.#sentBytes === 0 ? bytes : bytes.subarray(this.#sentBytes, end),
      );
    }
    this.#sentBytes = end;
    if (end === length) this.#closeStream(type);
    // What follows a body that ends here goes into the same write.
    return end === length && this.#streams.length > 0 ? true : this.#target.outgoing.send();
  }

  /** Reads the next piece of a file and sends it, unless one is being read. */
  #sendNext(pieces: BodyPieces): void {
    const { outgoing } = this.#target;
    if (pieces.isReading) return;
    pieces.read(outgoing.isEmpty).then(
      (piece) => {
        if (this.#pieces !== pieces) return;
        const isTaken = outgoing.sendRecords(piece);
        if (this.#pieces !== pieces) return;
        if (!pieces.isDone) {
          if (isTaken) this.#sendNext(pieces);
          return;
        }
        this.#pieces = null;
        this.#closeStream(pieces.type);
        this.pump();
      },
      (cause: Error) => {
        if (this.#pieces !== pieces) return;
        this.#fail('BODY_INCOMPLETE', `the body could not be read to its end: ${cause.message}`, cause);
      },
    );
  }

  #sendStream(body: RequestBody, type: typeof STDIN | typeof DATA): void {
    const readable = body.stream();
    this.#readable = readable;
    readable.on('data', (chunk: Buffer) => {
      this.#sentBytes += chunk.length;
      if (body.length !== null && this.#sentBytes > body.length) {
        this.#fail('BAD_REQUEST', `the body is longer than its length of ${body.length} bytes`);
        return;
      }
      this.#target.outgoing.writer.content(type, this.#id, chunk);
      if (!this.#target.outgoing.send()) readable.pause();
    });
    readable.on('end', () => {
      if (this.#readable !== readable) return;
      if (body.length !== null && this.#sentBytes < body.length) {
        this.#fail('BODY_INCOMPLETE', `the body ended after ${this.#sentBytes} of ${body.length} bytes`);
        return;
      }
      this.#readable = null;
      this.#closeStream(type);
      this.pump();
    });
    readable.on('error', (cause) => {
      if (this.#readable !== readable) return;
      this.#fail('BODY_INCOMPLETE', `the body could not be read to its end: ${cause.message}`, cause);
    });
    // A stream that was destroyed without an error says neither "end" nor "error".
    readable.on('close', () => {
      if (this.#readable !== readable) return;
      this.#fail('BODY_INCOMPLETE', `the body was given up after ${this.#sentBytes} bytes`);
    });
  }

  #closeStream(type: typeof STDIN | typeof DATA): void {
    this.#target.outgoing.writer.end(type, this.#id);
    this.#streams.shift();
    this.#sentBytes = 0;
  }

  #fail(code: 'BAD_REQUEST' | 'BODY_INCOMPLETE', message: string, cause?: unknown): void {
    this.stop();
    this.#target.bodyFailed(this.#id, new PosternError(code, message, { cause }));
  }
}
