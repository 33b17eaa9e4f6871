// Writes one answer to a ServerResponse of node:http: small ones in one write, lengths held against Content-Length.

import type { ServerResponse } from 'node:http';
import type { PosternError } from '../errors.ts';
import type { AnswerListener, HttpAnswer } from '../gateway/message.ts';
import { isNamed } from '../protocol/http/headers.ts';

/** What is gathered before it is passed on without a `flush`. */
const GATHER_BYTES = 16_384;

/** The answer to one request. */
export class NodeAnswer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #response: ServerResponse;
  #status = 0;
  #headers: readonly string[] = [];
  /** Content-Length as declared; -1: not. */
  #declaredLength = -1;
  /** Bytes of the body that were taken. */
  #length = 0;
  /** Bytes that were taken and not passed on. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #isPassing = false;
  #isDone = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => {
      if (!this.#isDone) this.listener?.drained();
    });
    response.once('close', () => this.#closed());
  }

  get headSent(): boolean {
    return this.#status !== 0;
  }

  head(status: number, headers: readonly string[]): void {
    if (this.#status !== 0 || this.#isDone) return;
    if (status < 200) {
      this.#inform(status, headers);
      return;
    }
    this.#status = status;
    this.#headers = headers;
    for (let i = 0; i < headers.length; i += 2) {
      if (isNamed(headers[i]!, 'content-length')) this.#declaredLength = Number(headers[i + 1]);
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isDone || !this.#hasBody) return true;
    const room = this.#declaredLength === -1 ? chunk.length : this.#declaredLength - this.#length;
    const taken = Buffer.from(chunk.length > room ? chunk.subarray(0, room) : chunk);
    if (chunk.length > room) this.#response.shouldKeepAlive = false;
    this.#length += taken.length;
    this.#gathered.push(taken);
    this.#gatheredBytes += taken.length;
    return this.#gatheredBytes < GATHER_BYTES || this.#passOn();
  }

  flush(): void {
    if (!this.#isDone && this.#status !== 0) this.#passOn();
  }

  end(): void {
    if (this.#isDone || this.#status === 0) return;
    if (this.#hasBody && this.#length < this.#declaredLength) {
      this.#cut();
      return;
    }
    this.#isDone = true;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    if (!this.#isPassing) this.#writeHead(this.#hasBody && this.#declaredLength === -1 ? bytes.length : -1);
    // A string is written together with the head, bytes would be a buffer of their own.
    if (bytes.length === 0) this.#response.end();
    else if (this.#isPassing) this.#response.end(bytes);
    else this.#response.end(bytes.toString('latin1'), 'latin1');
  }

  abort(_error: PosternError): void {
    if (!this.#isDone) this.#cut();
  }

  get #hasBody(): boolean {
    return this.#response.req.method !== 'HEAD' && this.#status !== 204 && this.#status !== 304;
  }

  #passOn(): boolean {
    if (!this.#isPassing) this.#writeHead(-1);
    this.#isPassing = true;
    if (this.#gatheredBytes === 0) {
      this.#response.flushHeaders();
      return true;
    }
    const bytes = this.#gathered.length === 1 ? this.#gathered[0]! : Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    return this.#response.write(bytes);
  }

  /** @param length of the whole body; -1: not known, or told by the headers */
  #writeHead(length: number): void {
    const isWithoutLength = this.#status === 204;
    const headers: string[] = [];
    for (let i = 0; i < this.#headers.length; i += 2) {
      if (isWithoutLength && isNamed(this.#headers[i]!, 'content-length')) continue;
      headers.push(this.#headers[i]!, this.#headers[i + 1]!);
    }
    if (length !== -1) headers.push('Content-Length', String(length));
    // node:http2 knows no status above 599, which some programs give; a client takes those for a 500 (RFC 9110, section 15).
    const isKnown = this.#status <= 599 || this.#response.req.httpVersionMajor < 2;
    this.#response.writeHead(isKnown ? this.#status : 500, headers);
  }

  /** Of the 1xx answers only 103 comes from programs. */
  #inform(status: number, headers: readonly string[]): void {
    if (status !== 103 || this.#response.req.httpVersion === '1.0') return;
    const hints: Record<string, string | string[]> = {};
    const links: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      if (isNamed(headers[i]!, 'link')) links.push(headers[i + 1]!);
      else hints[headers[i]!] = headers[i + 1]!;
    }
    if (links.length === 0) return;
    try {
      this.#response.writeEarlyHints({ ...hints, link: links });
    } catch {
      // node:http takes fewer Link values than there are valid ones; a hint may be left out.
    }
  }

  #cut(): void {
    if (this.#gatheredBytes > 0) this.#passOn();
    this.#isDone = true;
    this.#gathered = [];
    const { socket } = this.#response;
    const looksWhole =
      this.#isPassing && this.#declaredLength === -1 && !this.#response.chunkedEncoding && this.#hasBody;
    if (looksWhole && socket !== null && 'resetAndDestroy' in socket) socket.resetAndDestroy();
    // What was passed on goes out first: a client may use the part it gets, and sees that the rest is missing.
    else if (socket !== null) socket.destroySoon();
  }

  #closed(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#gathered = [];
    this.listener?.gone();
  }
}
