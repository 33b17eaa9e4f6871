// The gateway as a fetch handler: `(request: Request) => Promise<Response>`, for servers and frameworks that speak Fetch.

import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { Given } from '../defaults.ts';
import { PosternError, unsentHead } from '../errors.ts';
import type { AnswerListener, AnswerManner, HttpAnswer, HttpHandler, HttpRequest, Peer } from '../gateway/message.ts';
import { AnswerFraming, mayHaveLength } from '../protocol/http/answer-framing.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { reasonFor } from '../protocol/http/reason-phrases.ts';
import { spentBody } from './node-handler.ts';

/**
 * Answers a request.
 * @param peer where it came from, as far as the server around it can tell. @default remoteAddress 0.0.0.0, the rest as the URL has it
 */
export type FetchHandler = (request: Request, peer?: Given<Peer>) => Promise<Response>;

/** Bytes that may wait for a reader of the response before its program has to. */
const HIGH_WATER_BYTES = 65_536;

/** Makes a fetch handler of a handler. The promise is rejected only where the answer was cut before its head. */
export function fetchHandler(handle: HttpHandler): FetchHandler {
  return (request, peer = {}) =>
    new Promise((resolve, reject) => {
      const answer = new FetchAnswer(request.method, resolve, reject);
      request.signal.addEventListener('abort', () => answer.gone(), { once: true });
      handle(requestOf(request, peer), answer);
    });
}

function requestOf(request: Request, peer: Given<Peer>): HttpRequest {
  const url = new URL(request.url);
  const headers = ['Host', url.host];
  for (const [name, value] of request.headers) if (name !== 'host') headers.push(name, value);
  const length = request.headers.get('content-length');
  return {
    method: request.method,
    target: url.pathname + url.search,
    version: '1.1',
    headers,
    peer: {
      // Not known; it must not look like this machine, which programs trust.
      remoteAddress: peer.remoteAddress ?? '0.0.0.0',
      remotePort: peer.remotePort ?? 0,
      localAddress: peer.localAddress ?? url.hostname,
      localPort: peer.localPort ?? (Number(url.port) || (url.protocol === 'https:' ? 443 : 80)),
      secure: peer.secure ?? url.protocol === 'https:',
    },
    body: request.body === null ? null : request.bodyUsed ? spentBody() : bodyOf(request.body as NodeReadableStream),
    contentLength: length !== null && /^\d+$/.test(length) ? Number(length) : null,
  };
}

/** A handler that does not care for the body, or not any more, listens to no error of it; without a listener one would end the process. */
function bodyOf(stream: NodeReadableStream): Readable {
  return Readable.fromWeb(stream).on('error', () => {});
}

/** Makes a Response of an answer, and streams its body as it is read. */
class FetchAnswer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #method: string;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #framing: AnswerFraming | null = null;
  /** Bytes that were given to the stream. */
  #given = 0;
  #isDone = false;
  headSent = false;

  constructor(method: string, resolve: (response: Response) => void, reject: (error: unknown) => void) {
    this.#method = method;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Bytes that the reader has taken. */
  taken(): number {
    return this.#given - (HIGH_WATER_BYTES - this.#room);
  }

  get #room(): number {
    return this.#controller?.desiredSize ?? HIGH_WATER_BYTES;
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    // A Response has no 1xx before it.
    if (status < 200 || this.headSent || this.#isDone) return;
    this.headSent = true;
    try {
      this.#respond(status, headers, manner);
    } catch (cause) {
      const error = unsentHead(cause);
      this.#isDone = true;
      this.#reject(error);
      this.listener?.gone(error);
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isDone || this.#framing === null) return true;
    // A copy: the chunk is only lent.
    const taken = new Uint8Array(chunk.subarray(0, this.#framing.take(chunk.length)));
    this.#given += taken.length;
    if (taken.length > 0) this.#controller?.enqueue(taken);
    return this.#room > 0;
  }

  flush(): boolean {
    return this.#room > 0;
  }

  end(): void {
    if (this.#isDone || this.#framing === null) return;
    if (this.#framing.isShort) {
      this.abort(new PosternError('ANSWER_TRUNCATED', 'the answer ended before the length that it declared'));
      return;
    }
    this.#isDone = true;
    this.#controller?.close();
  }

  abort(error: PosternError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.headSent) this.#controller?.error(new Error('the answer was cut'));
    else this.#reject(error);
  }

  /** The reader has cancelled, or the request's signal fired. */
  gone(): void {
    if (this.#isDone) return;
    const error = new DOMException('the request was aborted', 'AbortError');
    this.#isDone = true;
    if (this.headSent) this.#controller?.error(error);
    else this.#reject(error);
    this.listener?.gone();
  }

  #respond(status: number, headers: readonly string[], manner?: AnswerManner): void {
    const fields = new Headers();
    let declaredLength = -1;
    for (let i = 0; i < headers.length; i += 2) {
      if (isNamed(headers[i]!, 'content-length')) {
        if (!mayHaveLength(status)) continue;
        declaredLength = Number(headers[i + 1]);
      }
      fields.append(headers[i]!, headers[i + 1]!);
    }
    this.#framing = new AnswerFraming(this.#method, '1.1', status, declaredLength);
    // A Response has no status above 599, which some programs give; a client takes those for a 500 (RFC 9110, section 15).
    const known = status > 599 ? 500 : status;
    const statusText = reasonFor(status, manner?.reason ?? '');
    const body = this.#framing.hasBody ? this.#stream() : null;
    this.#resolve(new Response(body, { status: known, statusText, headers: fields }));
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#isDone) this.listener?.drained();
        },
        cancel: () => {
          if (this.#isDone) return;
          this.#isDone = true;
          this.listener?.gone();
        },
      },
      { highWaterMark: HIGH_WATER_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }
}
