// Writes one answer to a ServerResponse of node:http: small ones in one write, lengths held against Content-Length.

import type { ServerResponse } from 'node:http';
import { systemClock } from '../clock.ts';
import { type PosternError, unsentHead } from '../errors.ts';
import { ClientWatch } from '../gateway/client-watch.ts';
import type { AnswerListener, AnswerManner, HttpAnswer } from '../gateway/message.ts';
import { AnswerFraming, mayHaveLength } from '../protocol/http/answer-framing.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { reasonFor } from '../protocol/http/reason-phrases.ts';
import { unsentBytes } from './client-socket.ts';

/** What is gathered before it is passed on without a `flush`. */
const GATHER_BYTES = 16_384;

/** How long the client may take nothing of an answer that has ended, where its handler says nothing of it. */
const DEFAULT_WRITE_TIMEOUT_MS = 60_000;

/** The answer to one request. */
export class NodeAnswer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #response: ServerResponse;
  #status = 0;
  #reason = '';
  #headers: readonly string[] = [];
  #framing: AnswerFraming | null = null;
  /** Bytes that were taken and not passed on. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #isPassing = false;
  /** Whether the response has said that it has no room, and not yet that it has again. */
  #isFull = false;
  #isDone = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('drain', () => {
      this.#isFull = false;
      if (!this.#isDone) this.listener?.drained();
    });
    response.once('close', () => this.#closed());
  }

  get headSent(): boolean {
    return this.#status !== 0;
  }

  taken(closely: boolean): number {
    return unsentBytes(this.#response.socket, closely);
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (this.#status !== 0 || this.#isDone) return;
    if (status < 200) {
      this.#inform(status, headers);
      return;
    }
    let declaredLength = -1;
    for (let i = 0; i < headers.length; i += 2) {
      if (isNamed(headers[i]!, 'content-length')) declaredLength = Number(headers[i + 1]);
    }
    const { method, httpVersion } = this.#response.req;
    this.#status = status;
    this.#reason = reasonFor(status, manner?.reason ?? '');
    this.#headers = headers;
    this.#framing = new AnswerFraming(method ?? 'GET', httpVersion, status, declaredLength);
    if (manner?.closes === true) this.#response.shouldKeepAlive = false;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isDone || this.#framing === null) return true;
    const taken = Buffer.from(chunk.subarray(0, this.#framing.take(chunk.length)));
    if (this.#framing.isCutShort) this.#response.shouldKeepAlive = false;
    this.#gathered.push(taken);
    this.#gatheredBytes += taken.length;
    if (this.#gatheredBytes >= GATHER_BYTES) this.#passOn();
    return !this.#isFull;
  }

  flush(): boolean {
    if (!this.#isDone && this.#status !== 0) this.#passOn();
    return !this.#isFull;
  }

  end(): void {
    if (this.#isDone || this.#framing === null) return;
    if (this.#framing.isShort) {
      this.#cut();
      return;
    }
    if (!this.#isPassing && !this.#writeHead(true)) return;
    this.#isDone = true;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    // A string is written together with the head, bytes would be a buffer of their own.
    if (bytes.length === 0) this.#response.end();
    else if (this.#isPassing) this.#response.end(bytes);
    else this.#response.end(bytes.toString('latin1'), 'latin1');
    if (!this.#response.writableFinished) this.#watchRest();
  }

  abort(_error: PosternError): void {
    if (!this.#isDone) this.#cut();
  }

  #passOn(): void {
    if (!this.#isPassing && !this.#writeHead(false)) return;
    this.#isPassing = true;
    if (this.#gatheredBytes === 0) {
      this.#response.flushHeaders();
      return;
    }
    const bytes = this.#gathered.length === 1 ? this.#gathered[0]! : Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (!this.#response.write(bytes)) this.#isFull = true;
  }

  /** @returns false: node:http refused it, or somebody else has answered, and this answer has failed */
  #writeHead(isWhole: boolean): boolean {
    const headers: string[] = [];
    for (let i = 0; i < this.#headers.length; i += 2) {
      if (!mayHaveLength(this.#status) && isNamed(this.#headers[i]!, 'content-length')) continue;
      headers.push(this.#headers[i]!, this.#headers[i + 1]!);
    }
    const length = this.#framing!.lengthToAdd(isWhole);
    if (length !== -1) headers.push('Content-Length', String(length));
    // node:http2 knows no status above 599, which some programs give; a client takes those for a 500 (RFC 9110, section 15).
    const isKnown = this.#status <= 599 || this.#response.req.httpVersionMajor < 2;
    try {
      this.#response.writeHead(isKnown ? this.#status : 500, this.#reason, headers);
      return true;
    } catch (error) {
      this.#isDone = true;
      this.#gathered = [];
      // Where somebody else has answered, that answer is theirs to end.
      if (!this.#response.headersSent) this.#response.destroy();
      this.listener?.gone(unsentHead(error));
      return false;
    }
  }

  /** The answer has ended, and its client may never take the rest of it. node:http sets no limit. */
  #watchRest(): void {
    const timeoutMs = this.listener?.writeTimeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS;
    if (timeoutMs === 0) return;
    const ask = (closely: boolean): number => this.taken(closely);
    const watch = new ClientWatch();
    watch.start(systemClock.now(), ask);
    const timer = systemClock.every(timeoutMs / 4, () => {
      if (watch.isOverdue(systemClock.now(), timeoutMs, ask)) this.#response.destroy();
    });
    this.#response.once('close', () => timer.cancel());
    this.#response.once('finish', () => timer.cancel());
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
    const looksWhole = this.#isPassing && this.#framing?.isUntilClose === true;
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
