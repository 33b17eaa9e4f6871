// The answer of a process that runs one request: to its standard output and standard error.

import type { Writable } from 'node:stream';
import { errorTable, type PosternError } from '../errors.ts';
import { formatHead } from '../protocol/cgi/answer-head.ts';
import type { CgiHead, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';

/** How the answer of one request ended. */
export interface ProcessAnswer {
  /** The final status; 0: there was none. */
  readonly status: number;
  readonly error: PosternError | null;
}

/** How the head is written: as CGI says, as HTTP/1.1 for people to read, or not at all. */
export type HeadForm = 'cgi' | 'http' | 'none';

/** Writes an answer to streams, and tells when it is over. */
export class ProcessSink implements CgiSink {
  readonly #out: Writable;
  readonly #errors: Writable;
  readonly #form: HeadForm;
  readonly #done = Promise.withResolvers<ProcessAnswer>();
  #exchange: Exchange | null = null;
  #status = 0;

  constructor(out: Writable, errors: Writable, form: HeadForm) {
    this.#out = out;
    this.#errors = errors;
    this.#form = form;
  }

  /** Resolves when the answer is written. */
  get done(): Promise<ProcessAnswer> {
    return this.#done.promise;
  }

  /** Says which request this is the sink of, so that it is held back, and aborted when nobody reads any more. */
  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#out.on('drain', () => exchange.resume());
    // Who closes the pipe has seen enough: `app.ts / | head -1` is no failure.
    this.#out.on('error', () => this.lose(null));
  }

  /** Nobody waits for the answer any more: the request is aborted. */
  lose(error: PosternError | null): void {
    this.#exchange?.abort();
    this.#done.resolve({ status: this.#status, error });
  }

  head(head: CgiHead): void {
    const text = formatHead(head);
    this.#status = head.status;
    if (this.#form === 'cgi' && head.status >= 200) this.#out.write(text, 'latin1');
    // "Status: 200 OK" is a line of CGI; what people know is the line of HTTP.
    if (this.#form === 'http') this.#out.write(text.replace(/^Status: /, 'HTTP/1.1 '), 'latin1');
  }

  write(chunk: Uint8Array): boolean {
    // Lent bytes: the stream may keep them until they are written.
    return this.#out.write(Buffer.from(chunk));
  }

  flush(): void {}

  stderr(chunk: Uint8Array): void {
    this.#errors.write(Buffer.from(chunk));
  }

  end(): void {
    // An empty write's callback comes after everything before it was written.
    this.#out.write('', () => this.#done.resolve({ status: this.#status, error: null }));
  }

  fail(error: PosternError): void {
    if (this.#status === 0) {
      const { status, public: sentence } = errorTable[error.code];
      this.head({ status: status === 499 ? 500 : status, reason: '', headers: ['content-type', 'text/plain'] });
      this.write(Buffer.from(`${sentence}\n`));
    }
    this.#errors.write(`${error.message}\n`);
    this.#out.write('', () => this.#done.resolve({ status: this.#status, error }));
  }
}
