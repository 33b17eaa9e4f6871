// The answer of one request: what has left of it, and whether anybody still takes it.

import { errorTable, PosternError } from '../errors.ts';
import type { CgiSink } from '../protocol/cgi/exchange.ts';
import { partsOf, realResponse } from './lazy-response.ts';

/** Where an answer stands: nothing has left; its head has; it is over; nobody takes it any more. */
export type AnswerState = 'awaited' | 'begun' | 'ended' | 'dropped';

const moves: Readonly<Record<AnswerState, readonly AnswerState[]>> = {
  awaited: ['begun', 'ended', 'dropped'],
  begun: ['ended', 'dropped'],
  ended: [],
  dropped: [],
};

/** Writes an answer to a sink, which may go away at any time: then nothing is written, and nobody is held up. */
export class AnswerWriter {
  readonly #sink: CgiSink;
  readonly #method: string;
  #state: AnswerState = 'awaited';
  /** Of the head that was sent. */
  #status = 0;
  #isFlushDue = false;
  #drained: PromiseWithResolvers<void> | null = null;
  #reader: ReadableStreamDefaultReader<unknown> | null = null;

  constructor(sink: CgiSink, method: string) {
    this.#sink = sink;
    this.#method = method;
  }

  get state(): AnswerState {
    return this.#state;
  }

  /** @throws ANSWER_INVALID for a head that is not valid, and for a second one */
  head(status: number, headers: readonly string[]): void {
    if (!this.#isOpen) return;
    if (this.#state === 'begun')
      throw outOfOrder(`the head of this answer was sent already, with status ${this.#status}`);
    this.#sink.head({ status, reason: '', headers });
    // 103 Early Hints: the head is still to come (RFC 8297).
    if (status < 200) return;
    this.#status = status;
    this.#move('begun');
  }

  /**
   * @returns false when no more should be written before `drained()` resolves
   * @throws ANSWER_INVALID before the head
   */
  write(chunk: Uint8Array | string): boolean {
    if (!this.#isOpen) return true;
    if (this.#state === 'awaited') throw outOfOrder('the body of an answer comes after its head: call head() first');
    if (!this.#hasBody) return true;
    const isTaken = this.#sink.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    if (isTaken) this.#flushSoon();
    else this.#drained ??= Promise.withResolvers<void>();
    return isTaken;
  }

  /** Resolves when the sink takes bytes again, or is gone. */
  drained(): Promise<void> {
    return this.#drained?.promise ?? Promise.resolve();
  }

  /** The sink takes bytes again. */
  resume(): void {
    const drained = this.#drained;
    this.#drained = null;
    drained?.resolve();
  }

  flush(): void {
    if (this.#isOpen) this.#sink.flush();
  }

  stderr(chunk: Uint8Array | string): void {
    if (this.#isOpen) this.#sink.stderr(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  /**
   * Sends a Response, but for the end.
   * @returns a promise while a stream is under way; null when all is written
   * @throws what is wrong with it
   */
  respond(response: Response): Promise<void> | null {
    const parts = partsOf(response);
    if (parts !== null) {
      this.head(parts.status, parts.headers);
      if (parts.body !== null && parts.body.length > 0 && this.#hasBody) this.#sink.write(parts.body);
      return null;
    }
    const { status, headers, body } = realResponse(response);
    this.head(status, listOf(headers));
    if (body === null) return null;
    if (this.#hasBody) return this.#pump(body);
    body.cancel().catch(() => {});
    return null;
  }

  /** Sends an error's own answer, without its message. */
  error(error: PosternError): void {
    if (!this.#isOpen) return;
    const { status, public: sentence } = errorTable[error.code];
    // What is the program's fault in a gateway is our own here, and 499 is nobody's answer.
    this.head(status === 499 || status === 502 ? 500 : status, ['content-type', 'text/plain; charset=utf-8']);
    if (this.#hasBody) this.#sink.write(Buffer.from(`${sentence}\n`));
  }

  /** Ends it: well, or, with a failure, as something that is not complete. Repeatable. */
  end(failure: PosternError | null): void {
    if (!this.#isOpen) return;
    const { state } = this;
    this.#move('ended');
    if (failure !== null) this.#sink.fail(failure);
    else if (state === 'begun') this.#sink.end();
    else this.#sink.fail(new PosternError('ANSWER_INVALID', 'the application ended the request without an answer'));
  }

  /** Nobody takes it any more. */
  abandon(): void {
    if (this.#isOpen) this.#move('dropped');
  }

  /** Lets go of whoever waits to write, and of the stream that is sent. */
  release(error: PosternError): void {
    this.resume();
    this.#reader?.cancel(error).catch(() => {});
  }

  async #pump(body: ReadableStream<unknown>): Promise<void> {
    const reader = body.getReader();
    this.#reader = reader;
    while (this.#isOpen) {
      const { done, value } = await reader.read();
      if (done) return;
      if (!(value instanceof Uint8Array))
        throw new TypeError('the stream of a Response gave something else than bytes');
      if (!this.write(value)) await this.drained();
    }
  }

  /** What is at hand now goes out together, once the microtasks that may add to it are done. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    process.nextTick(() => {
      this.#isFlushDue = false;
      this.flush();
    });
  }

  get #isOpen(): boolean {
    return this.#state === 'awaited' || this.#state === 'begun';
  }

  /** Whether an answer with this head may have a body (RFC 9110, section 6.4.1). */
  get #hasBody(): boolean {
    return this.#status !== 204 && this.#status !== 304 && this.#method !== 'HEAD';
  }

  #move(to: AnswerState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`an answer cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

function outOfOrder(message: string): PosternError {
  return new PosternError('ANSWER_INVALID', message);
}

function listOf(headers: Headers): string[] {
  const list: string[] = [];
  headers.forEach((value, name) => {
    list.push(name, value);
  });
  return list;
}
