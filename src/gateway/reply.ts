// The way back of one request: counts what is answered, gives a slow reader some room and a limit, and says how it ended.

import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { errorAnswer } from './error-page.ts';
import type { AnswerListener, HttpAnswer } from './message.ts';

/** What a reply needs of its site. */
export interface ReplyLimits {
  readonly writeTimeoutMs: number;
  readonly answerBufferBytes: number;
}

/** How a reply ended. */
export type Outcome = 'complete' | 'gone' | 'aborted';

/** The one who is asked about a reply's ends. */
export interface ReplyOwner {
  /** It is over; called once. `error` is what was answered or aborted with. */
  onOver(outcome: Outcome, error: PosternError | null): void;
}

/** Whoever makes the body of a reply: a program's exchange, a file. */
export interface Producer {
  /** Writing may go on, after `write` returned false. */
  resume(): void;
  /** The client has gone, or does not read: nothing more is wanted. */
  abort(): void;
}

/** One reply. */
export class Reply implements AnswerListener {
  /** Who is told to go on, or to stop; set by the producer's owner. */
  producer: Producer | null = null;
  /** The final status; 0 before it was sent. */
  status = 0;
  /** Bytes of the body that were passed on. */
  bytes = 0;
  readonly #answer: HttpAnswer;
  readonly #requestHeaders: readonly string[];
  readonly #limits: ReplyLimits;
  readonly #clock: Clock;
  readonly #owner: ReplyOwner;
  #waiting: Timer | null = null;
  /** Bytes written since the front last asked to stop. */
  #unread = 0;
  /** Whether the producer was told to wait. */
  #isHeld = false;
  #isOver = false;

  constructor(
    answer: HttpAnswer,
    requestHeaders: readonly string[],
    limits: ReplyLimits,
    clock: Clock,
    owner: ReplyOwner,
  ) {
    this.#answer = answer;
    this.#requestHeaders = requestHeaders;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
    answer.listener = this;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A 1xx answer before the real one. */
  inform(status: number, headers: readonly string[]): void {
    if (!this.#isOver && this.status === 0) this.#answer.head(status, headers);
  }

  head(status: number, headers: readonly string[]): void {
    if (this.#isOver) return;
    this.status = status;
    this.#answer.head(status, headers);
  }

  /**
   * @returns false when no more should come until the producer is told `resume`. That is later than the front says it: what a slow client has
   * not read yet may fill `answerBufferBytes`, so that most programs are done and free before their readers are.
   */
  write(chunk: Uint8Array): boolean {
    return this.#isOver || this.#wrote(chunk.length, this.#answer.write(chunk));
  }

  /** As `write`, for bytes that nobody will change. */
  writeLasting(bytes: Buffer): boolean {
    if (this.#isOver) return true;
    return this.#wrote(bytes.length, this.#answer.writeLasting?.(bytes) ?? this.#answer.write(bytes));
  }

  /** @returns whether more may come */
  #wrote(length: number, hasRoom: boolean): boolean {
    this.bytes += length;
    if (hasRoom) return true;
    this.#unread += length;
    this.#waiting ??= this.#startWaiting();
    this.#isHeld = this.#unread >= this.#limits.answerBufferBytes;
    return !this.#isHeld;
  }

  flush(): void {
    if (!this.#isOver) this.#answer.flush();
  }

  end(): void {
    if (this.#isOver) return;
    this.#answer.end();
    this.#finish('complete', null);
  }

  /** A whole answer without a body of any size. */
  answer(status: number, headers: readonly string[]): void {
    this.head(status, headers);
    this.end();
  }

  /** The request cannot be answered: an error page, or where a head was sent, an aborted answer. */
  fail(error: PosternError): void {
    if (this.#isOver) return;
    if (this.status !== 0) {
      this.#answer.abort(error);
      this.#finish('aborted', error);
      return;
    }
    const { status, headers, body } = errorAnswer(error, this.#requestHeaders);
    this.status = status;
    this.bytes = body.length;
    this.#answer.head(status, headers);
    this.#answer.write(body);
    this.#answer.end();
    this.#finish('complete', error);
  }

  /** See AnswerListener. */
  drained(): void {
    this.#waiting?.cancel();
    this.#waiting = null;
    this.#unread = 0;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.producer?.resume();
  }

  /** See AnswerListener. */
  gone(): void {
    this.#finish('gone', null);
  }

  #startWaiting(): Timer | null {
    const { writeTimeoutMs } = this.#limits;
    if (writeTimeoutMs === 0) return null;
    return this.#clock.after(writeTimeoutMs, () => {
      const error = new PosternError('ABORTED', `the client took no more of its answer for ${writeTimeoutMs} ms`);
      this.#answer.abort(error);
      this.#finish('aborted', error);
    });
  }

  #finish(outcome: Outcome, error: PosternError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting?.cancel();
    this.#waiting = null;
    const { producer } = this;
    this.producer = null;
    if (outcome !== 'complete') producer?.abort();
    this.#owner.onOver(outcome, error);
  }
}
