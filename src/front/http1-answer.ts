// Writes one answer to an HTTP/1.1 connection: head and body framed, gathered, and passed on in as few writes as can be.

import type { PosternError } from '../errors.ts';
import type { HttpAnswer } from '../gateway/message.ts';
import { formatAnswerHead } from '../protocol/http/http1-answer-head.ts';

/** What an answer needs of its connection. */
export interface AnswerConnection {
  /** Whether another request may follow; asked when the head is passed on. */
  readonly mayKeepAlive: boolean;
  /** "Date: ...\r\n" of now. */
  readonly dateLine: string;
  /** Sends a byte string or bytes, which now belong to the connection. False: wait until `onDrain` is called. */
  send(data: string | Buffer): boolean;
  /** The answer is complete, and was sent. */
  completed(keepsAlive: boolean): void;
  /** The answer will not be complete. `looksWhole`: only a reset tells the client so. */
  cut(looksWhole: boolean): void;
}

/** What an answer needs to know of its request. */
export interface AnswerTo {
  readonly method: string;
  readonly version: string;
}

// As long as a head and its body fit the 16 KiB that Node copies a string into on its stack, they leave without an allocation.
const gatherBytes = 15_360;

/** The answer to one request. */
export class Http1Answer implements HttpAnswer {
  onDrain: (() => void) | null = null;
  onGone: (() => void) | null = null;
  readonly #connection: AnswerConnection;
  readonly #to: AnswerTo;
  #state: 'waiting' | 'gathering' | 'passing' | 'done' = 'waiting';
  /** The head without its framing, until it is passed on. */
  #head = '';
  #hasDate = false;
  #hasBody = true;
  #isChunked = false;
  #keepsAlive = true;
  /** Content-Length as declared; -1: not. */
  #declaredLength = -1;
  /** Bytes of the body that were taken. */
  #length = 0;
  /** Bytes of the body that were taken and not passed on, as a byte string. */
  #gathered = '';

  constructor(connection: AnswerConnection, to: AnswerTo) {
    this.#connection = connection;
    this.#to = to;
  }

  get headSent(): boolean {
    return this.#state !== 'waiting';
  }

  head(status: number, headers: readonly string[]): void {
    if (this.#state !== 'waiting') return;
    if (status < 200) {
      this.#sendInterim(status, headers);
      return;
    }
    const mayHaveLength = status !== 204;
    const head = formatAnswerHead(status, headers, mayHaveLength);
    this.#head = head.text;
    this.#hasDate = head.hasDate;
    this.#hasBody = mayHaveLength && status !== 304 && this.#to.method !== 'HEAD';
    if (this.#hasBody) this.#declaredLength = head.declaredLength;
    this.#state = 'gathering';
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#hasBody || this.#state === 'waiting' || this.#state === 'done') return true;
    const taken = this.#take(chunk);
    if (this.#gathered.length + taken.length > gatherBytes) return this.#passOn(taken);
    this.#gathered += taken.toString('latin1');
    return true;
  }

  flush(): void {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#gathered !== '')) this.#passOn(null);
  }

  end(): void {
    if (this.#state === 'waiting' || this.#state === 'done') return;
    if (this.#length < this.#declaredLength) {
      this.#cut();
      return;
    }
    let text = '';
    if (this.#state === 'gathering') {
      if (this.#hasBody && this.#declaredLength === -1) {
        this.#head += `Content-Length: ${this.#length}\r\n`;
        this.#declaredLength = this.#length;
      }
      text = this.#finishHead();
    }
    text += this.#frame(this.#gathered.length) + this.#gathered;
    if (this.#isChunked) text += this.#gathered === '' ? '0\r\n\r\n' : '\r\n0\r\n\r\n';
    this.#state = 'done';
    if (text !== '') this.#connection.send(text);
    this.#connection.completed(this.#keepsAlive);
  }

  abort(_error: PosternError): void {
    if (this.#state !== 'done') this.#cut();
  }

  /** Called by the connection when it takes bytes again. */
  drained(): void {
    if (this.#state !== 'done') this.onDrain?.();
  }

  /** Called by the connection when the client has gone. */
  gone(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#gathered = '';
    this.onGone?.();
  }

  /** A 1xx answer; a client of HTTP/1.0 does not know them. */
  #sendInterim(status: number, headers: readonly string[]): void {
    if (this.#to.version === '1.0') return;
    this.#connection.send(`${formatAnswerHead(status, headers, false).text}\r\n`);
  }

  /** The part of `chunk` that the declared length has room for. */
  #take(chunk: Uint8Array): Buffer {
    let length = chunk.length;
    if (this.#declaredLength !== -1 && this.#length + length > this.#declaredLength) {
      length = this.#declaredLength - this.#length;
      this.#keepsAlive = false;
    }
    this.#length += length;
    return Buffer.from(chunk.buffer, chunk.byteOffset, length);
  }

  /** Sends the head if it was not, what was gathered, and `chunk`. */
  #passOn(chunk: Buffer | null): boolean {
    const head = this.#state === 'gathering' ? this.#finishHead() : '';
    const length = this.#gathered.length + (chunk?.length ?? 0);
    const before = head + this.#frame(length) + this.#gathered;
    const after = this.#isChunked && length > 0 ? '\r\n' : '';
    this.#state = 'passing';
    this.#gathered = '';
    return this.#connection.send(chunk === null ? before + after : joined(before, chunk, after));
  }

  /** The whole head: this is where it is decided how the body's end is told. */
  #finishHead(): string {
    const isOld = this.#to.version === '1.0';
    const hasLength = !this.#hasBody || this.#declaredLength !== -1;
    this.#isChunked = !hasLength && !isOld;
    if (!this.#connection.mayKeepAlive || (!hasLength && isOld)) this.#keepsAlive = false;
    let text = this.#head;
    this.#head = '';
    if (!this.#hasDate) text += this.#connection.dateLine;
    if (this.#isChunked) text += 'Transfer-Encoding: chunked\r\n';
    if (!this.#keepsAlive) text += 'Connection: close\r\n';
    else if (isOld) text += 'Connection: keep-alive\r\n';
    return `${text}\r\n`;
  }

  /** What goes before `length` bytes of the body. */
  #frame(length: number): string {
    return this.#isChunked && length > 0 ? `${length.toString(16)}\r\n` : '';
  }

  #cut(): void {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#gathered !== '')) this.#passOn(null);
    const isPassing = this.#state === 'passing';
    this.#state = 'done';
    this.#connection.cut(isPassing && !this.#isChunked && this.#declaredLength === -1);
  }
}

function joined(before: string, chunk: Buffer, after: string): Buffer {
  const bytes = Buffer.allocUnsafe(before.length + chunk.length + after.length);
  bytes.write(before, 0, 'latin1');
  bytes.set(chunk, before.length);
  bytes.write(after, before.length + chunk.length, 'latin1');
  return bytes;
}
