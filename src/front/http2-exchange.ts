// One request on an HTTP/2 session with its answer: a stream (RFC 9113, section 5), and how long it may take its time.

import { PosternError, type SlowClientLimit, toPosternError } from '../errors.ts';
import { ClientWatch } from '../gateway/client-watch.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { HttpHandler, Peer } from '../gateway/message.ts';
import { errorCodes } from '../http2/http2-codes.ts';
import type { Http2Stream, StreamEnd, StreamListener } from '../http2/http2-stream.ts';
import { type AnswerStream, Http2Answer } from './http2-answer.ts';
import { type BodyOwner, Http2Body } from './http2-body.ts';

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly peer: Peer;
  readonly handler: HttpHandler;
  readonly bodyTimeoutMs: number;
  /** For an answer whose handler sets no limit of its own. */
  readonly writeTimeoutMs: number;
  /** Date of now. */
  readonly date: string;
  /** Changes when the client takes something of what the connection's socket holds. */
  taken(closely: boolean): number;
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
export class Http2Exchange implements AnswerStream, BodyOwner, StreamListener {
  method = 'GET';
  readonly #stream: Http2Stream;
  readonly #owner: ExchangeOwner;
  readonly #answer: Http2Answer;
  #body: Http2Body | null = null;
  #owesContinue = false;
  /** Since when the handler waits for a piece of the body, and how much had come. */
  #awaitedSinceMs: number | null = null;
  #awaitedLength = 0;
  #watch: ClientWatch | null = null;
  /** What the client had taken of the connection when that last told something of this stream. */
  #takenOfAll = 0;

  constructor(stream: Http2Stream, owner: ExchangeOwner) {
    this.#stream = stream;
    this.#owner = owner;
    this.#answer = new Http2Answer(stream, this);
    stream.listener = this;
  }

  get date(): string {
    return this.#owner.date;
  }

  begin(): void {
    const { method, target, headers, contentLength, expectsContinue, refusal } = this.#stream.request;
    // An answer to HEAD has no body, that of a refusal neither.
    this.method = method;
    if (refusal !== null) {
      this.#owner.refused(refusal, this.#send(refusal));
      return;
    }
    if (this.#stream.hasBody && contentLength !== 0) {
      this.#owesContinue = expectsContinue;
      this.#body = new Http2Body(this);
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
    if (this.#stream.waiting === 0) {
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
      this.#stream.reset(errorCodes.internalError);
    }
  }

  // What an answer asks for.

  /**
   * Of a client that gives this stream no room, what it takes of others says nothing. Of one that gives the connection no room, what it takes of the socket says
   * nothing: answers to pings pass by every window.
   */
  taken(closely: boolean): number {
    const stream = this.#stream;
    // Else it stays as it was: a window that is opened and closed again changes nothing by itself.
    if (!stream.isStarved)
      this.#takenOfAll = stream.isStarvedWithAll ? stream.sentBytesOfAll : this.#owner.taken(closely);
    return stream.sentBytes + this.#takenOfAll;
  }

  failed(_error: PosternError): void {
    this.#stream.reset(errorCodes.internalError);
  }

  // What a body asks for.

  bodyBegun(): void {
    if (this.#owesContinue && !this.#answer.headSent) this.#answer.inform(100, []);
    this.#owesContinue = false;
  }

  credit(bytes: number): void {
    this.#stream.credit(bytes);
  }

  // What a stream tells.

  received(bytes: Buffer): void {
    this.#owesContinue = false;
    try {
      if (this.#body === null) this.#stream.credit(bytes.length);
      else this.#body.receive(bytes);
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  ended(): void {
    try {
      this.#body?.finish();
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  drained(): void {
    try {
      this.#answer.drained();
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  closed(end: StreamEnd): void {
    try {
      this.#body?.cut(new PosternError('BODY_INCOMPLETE', 'the client ended its request within the body'));
      if (end !== 'sent') this.#answer.gone();
    } catch (thrown) {
      this.#threw(thrown);
    }
    this.#owner.over(this, end === 'by-client');
  }

  /** The handler threw when it was told something: that is the end of its own stream alone. */
  #threw(thrown: unknown): void {
    this.#owner.threw(toPosternError(thrown));
    this.#stream.reset(errorCodes.internalError);
  }

  readonly #askTaken = (closely: boolean): number => this.taken(closely);

  #checkBody(body: Http2Body, nowMs: number): void {
    if (this.#awaitedSinceMs === null || body.length !== this.#awaitedLength) {
      this.#awaitedSinceMs = nowMs;
      this.#awaitedLength = body.length;
    }
    const isLate = nowMs - this.#awaitedSinceMs > this.#owner.bodyTimeoutMs;
    const rate = body.rateAt(nowMs);
    if (isLate) body.cut(bodyError('the request body took too long to arrive', 'bodyTimeout'));
    else if (this.#owner.isTooSlow(rate)) {
      body.cut(bodyError(`the request body came with ${Math.round(rate)} bytes a second: see minBodyRate`));
    }
  }

  /** @returns the bytes of the body */
  #send(error: PosternError): number {
    const { status, headers, body } = errorAnswer(error, []);
    this.#answer.head(status, headers);
    this.#answer.write(body);
    this.#answer.end();
    return this.method === 'HEAD' ? 0 : body.length;
  }
}

function bodyError(message: string, limit?: SlowClientLimit): PosternError {
  return new PosternError('REQUEST_TIMEOUT', message, limit === undefined ? {} : { limit });
}
