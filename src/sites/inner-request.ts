// A request made inside this process, past the front: for `check` and `explain`, which must not depend on a socket.

import type { PosternError } from '../errors.ts';
import type { AnswerListener, HttpAnswer, HttpHandler, HttpRequest } from '../gateway/message.ts';

/** What came back. */
export interface InnerAnswer {
  /** 0: it was cut off before a status. */
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** The first 64 KiB of the body. */
  readonly body: Buffer;
  readonly bytes: number;
  /** Why it was cut off; null: it is complete. */
  readonly error: PosternError | null;
}

const maxKeptBytes = 65_536;

/**
 * Sends one GET and waits for its answer; the handler's own limits end it.
 * @param url absolute: its host is sent as Host
 */
export function innerGet(handler: HttpHandler, url: URL): Promise<InnerAnswer> {
  return new Promise((resolve) => {
    handler(innerRequest(url), new CollectedAnswer(resolve));
  });
}

/** A GET as a front would give it. */
export function innerRequest(url: URL): HttpRequest {
  const secure = url.protocol === 'https:';
  return {
    method: 'GET',
    target: `${url.pathname}${url.search}`,
    version: '1.1',
    headers: ['Host', url.host, 'User-Agent', 'postern', 'Accept', '*/*'],
    peer: {
      remoteAddress: '127.0.0.1',
      remotePort: 0,
      localAddress: '127.0.0.1',
      localPort: Number(url.port) || (secure ? 443 : 80),
      secure,
    },
    body: null,
    contentLength: null,
  };
}

/** Keeps what is answered. */
class CollectedAnswer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #done: (answer: InnerAnswer) => void;
  #status = 0;
  #headers: readonly string[] = [];
  readonly #pieces: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;

  constructor(done: (answer: InnerAnswer) => void) {
    this.#done = done;
  }

  get headSent(): boolean {
    return this.#status !== 0;
  }

  head(status: number, headers: readonly string[]): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = [...headers];
  }

  write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length;
    const room = maxKeptBytes - this.#keptBytes;
    if (room > 0) {
      const piece = Buffer.from(chunk.subarray(0, room));
      this.#pieces.push(piece);
      this.#keptBytes += piece.length;
    }
    return true;
  }

  taken(): number {
    return 0;
  }

  flush(): boolean {
    return true;
  }

  end(): void {
    this.#finish(null);
  }

  abort(error: PosternError): void {
    this.#finish(error);
  }

  #finish(error: PosternError | null): void {
    this.#done({
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#pieces),
      bytes: this.#bytes,
      error,
    });
  }
}
