// One request on an HTTP/2 session with its answer: a stream (RFC 9113, section 5), and how long it may take its time.

import { constants, type ServerHttp2Stream } from 'node:http2';
import { PosternError, toPosternError } from '../errors.ts';
import { ClientWatch } from '../gateway/client-watch.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { HttpHandler, Peer } from '../gateway/message.ts';
import { type Http2Head, readHttp2Head } from '../protocol/http/http2-head.ts';
import { type AnswerStream, Http2Answer } from './http2-answer.ts';
import { Http2Body } from './http2-body.ts';

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly peer: Peer;
  readonly handler: HttpHandler;
  readonly bodyTimeoutMs: number;
  /** For an answer whose handler sets no limit of its own. */
  readonly writeTimeoutMs: number;
  /** What the connection's socket holds for the client. */
  unsent(closely: boolean): number;
  /** Bytes of a body came. */
  received(bytes: number): void;
  /** Whether a body comes too slowly; then that is told. @param rate bytes a second */
  isTooSlow(rate: number): boolean;
  /** It was no request. @param bytes of the answer's body */
  refused(error: PosternError, bytes: number): void;
  /** The handler threw. */
  threw(error: PosternError): void;
  /** The client took nothing for too long. */
  starved(): void;
  /** The stream is closed. @param byClient whether the client ended it before it had its answer, or made us do so */
  over(exchange: Http2Exchange, byClient: boolean): void;
}

/** One request. */
export class Http2Exchange implements AnswerStream {
  method = 'GET';
  readonly #stream: ServerHttp2Stream;
  readonly #owner: ExchangeOwner;
  readonly #answer: Http2Answer;
  #body: Http2Body | null = null;
  /** Since when the handler waits for a piece of the body, and how much had come. */
  #awaitedSinceMs: number | null = null;
  #awaitedLength = 0;
  #watch: ClientWatch | null = null;
  /** Whether we have reset it ourselves. */
  #isReset = false;
  readonly #askTaken = (closely: boolean): number => this.taken(closely);

  constructor(stream: ServerHttp2Stream, owner: ExchangeOwner) {
    this.#stream = stream;
    this.#owner = owner;
    this.#answer = new Http2Answer(stream, this);
    stream.on('error', () => {});
    stream.on('aborted', () => this.#gone());
    stream.on('close', () => this.#closed());
  }

  /** @param raw the fields as they came */
  begin(raw: readonly string[]): void {
    let head: Http2Head;
    try {
      head = readHttp2Head(raw);
    } catch (thrown) {
      this.#refuse(toPosternError(thrown));
      return;
    }
    const { method, target, headers, contentLength, expectsContinue } = head;
    this.method = method;
    if (!this.#stream.endAfterHeaders && contentLength !== 0) {
      this.#body = new Http2Body(this.#stream, expectsContinue, (bytes) => this.#owner.received(bytes));
    }
    const { handler, peer } = this.#owner;
    try {
      handler({ method, target, version: '2.0', headers, peer, body: this.#body, contentLength }, this.#answer);
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.#owner.threw(error);
      if (this.#answer.headSent) this.#answer.abort(error);
      else this.#send(error);
    }
  }

  /** Acts where the client takes, or sends, nothing for too long. To be called about once a second. */
  check(nowMs: number): void {
    if (this.#body?.isAwaited) this.#checkBody(this.#body, nowMs);
    else this.#awaitedSinceMs = null;
    if (this.#stream.destroyed || this.#stream.bufferSize === 0) {
      this.#watch = null;
      return;
    }
    const timeoutMs = this.#answer.listener?.writeTimeoutMs ?? this.#owner.writeTimeoutMs;
    if (timeoutMs === 0) return;
    if (this.#watch === null) {
      this.#watch = new ClientWatch();
      this.#watch.start(nowMs, this.#askTaken);
    } else if (this.#watch.isOverdue(nowMs, timeoutMs, this.#askTaken)) {
      this.#owner.starved();
      this.#reset();
      this.#gone();
    }
  }

  taken(closely: boolean): number {
    return this.#stream.bufferSize + this.#owner.unsent(closely);
  }

  completed(): void {
    // The client need not send the rest (RFC 9113, 8.1).
    if (this.#body !== null && !this.#body.isWhole) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  failed(_error: PosternError): void {
    this.#reset();
  }

  /** The connection is closed. */
  destroy(): void {
    this.#isReset = true;
    this.#gone();
  }

  #checkBody(body: Http2Body, nowMs: number): void {
    if (this.#awaitedSinceMs === null || body.length !== this.#awaitedLength) {
      this.#awaitedSinceMs = nowMs;
      this.#awaitedLength = body.length;
    }
    const isLate = nowMs - this.#awaitedSinceMs > this.#owner.bodyTimeoutMs;
    const rate = body.rateAt(nowMs);
    if (isLate) body.cut(bodyError('the request body took too long to arrive'));
    else if (this.#owner.isTooSlow(rate)) {
      body.cut(bodyError(`the request body came with ${Math.round(rate)} bytes a second: see minBodyRate`));
    }
  }

  #refuse(error: PosternError): void {
    const bytes = this.#send(error);
    this.#owner.refused(error, bytes);
  }

  /** @returns the bytes of the body */
  #send(error: PosternError): number {
    const { status, headers, body } = errorAnswer(error, []);
    this.#answer.head(status, headers);
    this.#answer.write(body);
    this.#answer.end();
    if (!this.#stream.endAfterHeaders && this.#body === null) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    return body.length;
  }

  /** RST_STREAM with INTERNAL_ERROR. The library's `close` would end the stream as if it were whole, ahead of that, and then send no reset at all. */
  #reset(): void {
    this.#isReset = true;
    this.#stream.destroy(new Error('the answer is incomplete'));
  }

  #gone(): void {
    this.#body?.cut(new PosternError('BODY_INCOMPLETE', 'the client ended its request within the body'));
    this.#answer.gone();
  }

  #closed(): void {
    const { rstCode, aborted, writableFinished } = this.#stream;
    // A client may give any code: what counts is whether it has taken all.
    const isWhole = rstCode === constants.NGHTTP2_NO_ERROR && !aborted && writableFinished;
    const byClient = !this.#isReset && !isWhole;
    this.#gone();
    this.#owner.over(this, byClient);
  }
}

function bodyError(message: string): PosternError {
  return new PosternError('REQUEST_TIMEOUT', message);
}
