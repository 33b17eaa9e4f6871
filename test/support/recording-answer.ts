// An HttpAnswer that keeps what it is told, and a request for a gateway: the whole of a front in memory.

import { Readable } from 'node:stream';
import type { PosternError } from '../../src/errors.ts';
import type { AnswerListener, HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';

/** Keeps an answer; `done` resolves with itself after `end` or `abort`. */
export class RecordingAnswer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly interim: { status: number; headers: readonly string[] }[] = [];
  status = 0;
  headers: readonly string[] = [];
  body: Buffer = Buffer.alloc(0);
  writes = 0;
  error: PosternError | null = null;
  ended = false;
  /** Whether `write` says to go on. */
  takesMore = true;
  /** What `taken` says. */
  tookBytes = 0;
  readonly done: Promise<this>;
  #resolve: (answer: this) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get headSent(): boolean {
    return this.status !== 0;
  }

  get text(): string {
    return this.body.toString('latin1');
  }

  /** The value of a field; undefined without one. */
  field(name: string): string | undefined {
    const at = this.headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name.toLowerCase());
    return at === -1 ? undefined : this.headers[at + 1];
  }

  taken(): number {
    return this.tookBytes;
  }

  head(status: number, headers: readonly string[]): void {
    if (status < 200) {
      this.interim.push({ status, headers });
      return;
    }
    if (this.status !== 0) throw new Error('two heads');
    this.status = status;
    this.headers = headers;
  }

  write(chunk: Uint8Array): boolean {
    if (this.status === 0 || this.ended) throw new Error('a write before the head or after the end');
    this.writes += 1;
    this.body = Buffer.concat([this.body, chunk]);
    return this.takesMore;
  }

  flush(): boolean {
    return this.takesMore;
  }

  end(): void {
    if (this.status === 0 || this.ended) throw new Error('an end before the head or after the end');
    this.ended = true;
    this.#resolve(this);
  }

  abort(error: PosternError): void {
    this.error = error;
    this.#resolve(this);
  }
}

/** A request, as a front would give it. */
export function httpRequest(target: string, given: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    target,
    version: '1.1',
    headers: ['Host', 'example.org'],
    peer: { remoteAddress: '192.0.2.1', remotePort: 4711, localAddress: '127.0.0.1', localPort: 8000, secure: false },
    body: null,
    contentLength: null,
    ...given,
  };
}

/** A POST with that body. */
export function postRequest(target: string, body: string | Buffer, given: Partial<HttpRequest> = {}): HttpRequest {
  const bytes = Buffer.from(body);
  return httpRequest(target, { method: 'POST', body: Readable.from([bytes]), contentLength: bytes.length, ...given });
}

/** Asks a handler, and waits for the end of its answer. */
export function ask(handle: HttpHandler, request: HttpRequest | string): Promise<RecordingAnswer> {
  const answer = new RecordingAnswer();
  handle(typeof request === 'string' ? httpRequest(request) : request, answer);
  return answer.done;
}

/** A listener that cares for some of what it is told. */
export function listening(parts: { readonly drained?: () => unknown; readonly gone?: () => unknown }): AnswerListener {
  return { drained: () => void parts.drained?.(), gone: () => void parts.gone?.() };
}
