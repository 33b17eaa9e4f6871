// A sink that keeps what it was told, in order, for tests of whatever runs CGI requests.

import type { PosternError } from '../../src/errors.ts';
import type { CgiHead, CgiSink } from '../../src/protocol/cgi/exchange.ts';

/** Keeps an answer; `done` resolves with itself after `end` or `fail`. */
export class RecordingSink implements CgiSink {
  /** The names of the calls, in order; of calls in a row with the same name, one. */
  readonly calls: string[] = [];
  readonly heads: CgiHead[] = [];
  body = '';
  errors = '';
  error: PosternError | null = null;
  /** Answers of `write`; true when there is none left. */
  readonly writeAnswers: boolean[] = [];
  readonly done: Promise<this>;
  #resolve: (sink: this) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  head(head: CgiHead): void {
    this.#note('head');
    this.heads.push(head);
  }

  write(chunk: Uint8Array): boolean {
    this.#note('write');
    this.body += Buffer.from(chunk).toString('latin1');
    return this.writeAnswers.shift() ?? true;
  }

  flush(): void {
    this.#note('flush');
  }

  end(): void {
    this.#note('end');
    this.#resolve(this);
  }

  fail(error: PosternError): void {
    this.#note('fail');
    this.error = error;
    this.#resolve(this);
  }

  stderr(chunk: Uint8Array): void {
    this.#note('stderr');
    this.errors += Buffer.from(chunk).toString('latin1');
  }

  #note(name: string): void {
    if (this.calls.at(-1) !== name) this.calls.push(name);
  }
}
