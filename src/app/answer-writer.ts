// The answer of one request: what has left of it, and whether anybody still takes it.

import { errorTable, PosternError } from '../errors.ts';
import type { CgiSink } from '../protocol/cgi/exchange.ts';
import { partsOf, realResponse } from './lazy-response.ts';

/** Writes an answer to a sink, which may go away at any time: then nothing is written, and nobody is held up. */
export class Answer {
  readonly #sink: CgiSink;
  readonly #method: string;
  #isOpen = true;
  #hasHead = false;
  #isFlushDue = false;
  #drained: PromiseWithResolvers<void> | null = null;
  #reader: ReadableStreamDefaultReader<unknown> | null = null;

  constructor(sink: CgiSink, method: string) {
    this.#sink = sink;
    this.#method = method;
  }

  /** Whether a final head was sent. */
  get hasHead(): boolean {
    return this.#hasHead;
  }

  /** Whether somebody takes it, and it is not over. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  head(status: number, headers: readonly string[]): void {
    if (!this.#isOpen) return;
    this.#sink.head({ status, reason: '', headers });
    if (status >= 200) this.#hasHead = true;
  }

  /** @returns false when no more should be written before `drained()` resolves */
  write(chunk: Uint8Array | string): boolean {
    if (!this.#isOpen) return true;
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
      if (parts.body !== null && parts.body.length > 0 && this.#takesBody(parts.status)) this.#sink.write(parts.body);
      return null;
    }
    const { status, headers, body } = realResponse(response);
    this.head(status, listOf(headers));
    if (body === null) return null;
    if (this.#takesBody(status)) return this.#pump(body);
    body.cancel().catch(() => {});
    return null;
  }

  /** Sends an error's own answer, without its message. */
  error(error: PosternError): void {
    if (!this.#isOpen) return;
    const { status, public: sentence } = errorTable[error.code];
    // What is the program's fault in a gateway is our own here, and 499 is nobody's answer.
    this.head(status === 499 || status === 502 ? 500 : status, ['content-type', 'text/plain; charset=utf-8']);
    if (this.#takesBody(status)) this.#sink.write(Buffer.from(`${sentence}\n`));
  }

  /** Ends it: well, or, with a failure, as something that is not complete. Repeatable. */
  end(failure: PosternError | null): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (failure !== null) this.#sink.fail(failure);
    else if (this.#hasHead) this.#sink.end();
    else this.#sink.fail(new PosternError('ANSWER_INVALID', 'the application ended the request without an answer'));
  }

  /** Nobody takes it any more. */
  abandon(): void {
    this.#isOpen = false;
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

  #takesBody(status: number): boolean {
    return status !== 204 && status !== 304 && this.#method !== 'HEAD';
  }
}

function listOf(headers: Headers): string[] {
  const list: string[] = [];
  headers.forEach((value, name) => {
    list.push(name, value);
  });
  return list;
}
