// A session of HTTP/2 without a network: what it is given, what it tells of requests, and what it sends.

import { encodeField, encodeStatus } from '../../src/http2/hpack-encoder.ts';
import type { Http2Fault } from '../../src/http2/http2-codes.ts';
import { Http2Session, type SessionOwner } from '../../src/http2/http2-session.ts';
import type { Http2Stream } from '../../src/http2/http2-stream.ts';
import type { SessionLimits } from '../../src/http2/http2-streams.ts';
import { type Frame, readFrames } from './http2-frames.ts';

export const sessionLimits: SessionLimits = {
  maxStreams: 16,
  streamWindow: 65_535,
  readWindow: 100_000,
  sharedWindow: 50_000,
  connectionWindow: 131_072,
  maxFields: 50,
  maxFieldsBytes: 32_768,
};

/** A session whose requests are answered with what was asked, as soon as they are whole. */
export class RecordedSession implements SessionOwner {
  readonly spareFrames = { frames: null };
  readonly session: Http2Session;
  /** What happened, in order: a request with its fields, its body, its end. */
  readonly events: string[] = [];
  fault: Http2Fault | null = null;
  sentBytes = 0;
  /** All that was sent; null: it is not kept. */
  sent: Buffer[] | null = [];
  readonly streams = new Map<number, Http2Stream>();
  /** Whether the socket has no room: it takes all the same what is sent. */
  isFull = false;
  /** Whether the session has been told so. */
  saidFull = false;
  /** Whether bodies are not read: they are by `readAll`. */
  holds = false;
  /** Bytes that were not read, by stream. */
  readonly held = new Map<number, number>();
  readonly #answers: boolean;

  constructor(answers = true) {
    this.#answers = answers;
    this.session = new Http2Session(this, sessionLimits);
    this.session.begin();
  }

  get frames(): Frame[] {
    return readFrames(Buffer.concat(this.sent ?? []).toString('latin1'));
  }

  send(bytes: Buffer): boolean {
    this.sentBytes += bytes.length;
    this.sent?.push(bytes);
    this.saidFull = this.isFull;
    return !this.isFull;
  }

  /** The socket has room again. */
  drain(): void {
    this.isFull = false;
    this.saidFull = false;
    this.session.drained();
  }

  /** Reads what was held of bodies, and what comes from now on. */
  readAll(): void {
    this.holds = false;
    for (const [id, bytes] of this.held) this.streams.get(id)?.credit(bytes);
    this.held.clear();
  }

  requested(stream: Http2Stream): void {
    const { id, request, hasBody } = stream;
    this.events.push(`${id}: ${[request.method, request.target, ...request.headers].join('|')}`);
    this.streams.set(id, stream);
    let body = '';
    const answer = (): void => {
      this.events.push(`${id}: "${body}"`);
      if (!this.#answers) return;
      stream.head(encodeStatus(200) + encodeField('x-length', String(body.length)), false);
      stream.end(Buffer.from(body, 'latin1'));
    };
    stream.listener = {
      received: (bytes) => {
        body += bytes.toString('latin1');
        if (this.holds) this.held.set(id, (this.held.get(id) ?? 0) + bytes.length);
        else stream.credit(bytes.length);
      },
      ended: answer,
      drained: () => this.events.push(`${id}: drained`),
      closed: (end) => {
        this.events.push(`${id}: ${end}`);
        this.streams.delete(id);
        this.held.delete(id);
      },
    };
    if (!hasBody) answer();
  }

  controlled(): void {}

  emptied(): void {}

  wasted(): void {
    this.events.push('wasted');
  }

  left(): void {
    this.events.push('left');
  }

  failed(fault: Http2Fault): void {
    this.fault = fault;
    this.events.push(`failed: ${fault.code}`);
  }
}
