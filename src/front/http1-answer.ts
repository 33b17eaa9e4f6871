// Writes one answer to an HTTP/1.1 connection: head and body framed, gathered, and passed on in as few writes as can be.

import type { PosternError } from '../errors.ts';
import type { AnswerListener, HttpAnswer } from '../gateway/message.ts';
import { formatAnswerHead } from '../protocol/http/http1-answer-head.ts';

/** What an answer needs of its connection. */
export interface AnswerConnection {
  /** Whether another request may follow; asked when the head is passed on. */
  readonly mayKeepAlive: boolean;
  /** "Date: ...\r\n" of now. */
  readonly dateLine: string;
  /** Sends a byte string or bytes, which now belong to the connection. False: wait until `drained` is called. */
  send(data: string | Buffer): boolean;
  /** Whether the system has taken all that was sent. */
  readonly isFlushed: boolean;
  /** Shared by all connections of a front. */
  readonly spare: SpareBlock;
  /** The answer is complete, and was sent. */
  completed(keepsAlive: boolean): void;
  /** The answer will not be complete. `looksWhole`: only a reset tells the client so. */
  cut(looksWhole: boolean): void;
}

/** Keeps one block that no answer uses and no socket holds: to allocate one for each 64 KiB costs several times their copying. */
export interface SpareBlock {
  block: Buffer | null;
}

/** What an answer needs to know of its request. */
export interface AnswerTo {
  readonly method: string;
  readonly version: string;
}

// As long as a head and its body fit the 16 KiB that Node copies a string into on its stack, they leave without an allocation.
const textBytes = 15_360;

// A longer body is gathered in blocks, each with room for its framing as a chunk, and for a head of usual size:
//
//   |  head  | size in hex, CR LF |     data     | CR LF 0 CR LF CR LF |
//      4096            8            up to 65,536            7
const headBytes = 4_096;
const sizeLineBytes = 8;
const dataAt = headBytes + sizeLineBytes;
const blockBytes = 65_536;
const chunkEnd = '\r\n';
const lastChunk = '0\r\n\r\n';

/** The answer to one request. */
export class Http1Answer implements HttpAnswer {
  listener: AnswerListener | null = null;
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
  /** What was taken and not passed on: a byte string as long as it is short, else `#filled` bytes of a block. */
  #text = '';
  #block: Buffer | null = null;
  #filled = 0;

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
    return this.#gather(this.#take(chunk));
  }

  writeLasting(bytes: Buffer): boolean {
    // What fits a block is copied, so that it leaves with the head in one write; a chunk needs its framing.
    const isCopied = bytes.length <= blockBytes || this.#declaredLength === -1;
    if (isCopied || this.#state === 'waiting' || this.#state === 'done') return this.write(bytes);
    this.flush();
    return this.#connection.send(this.#take(bytes));
  }

  flush(): void {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#hasGathered)) this.#passOn(false);
  }

  end(): void {
    if (this.#state === 'waiting' || this.#state === 'done') return;
    if (this.#length < this.#declaredLength) {
      this.#cut();
      return;
    }
    if (this.#state === 'gathering' && this.#hasBody && this.#declaredLength === -1) {
      this.#head += `Content-Length: ${this.#length}\r\n`;
      this.#declaredLength = this.#length;
    }
    if (this.#state === 'gathering' || this.#hasGathered || this.#isChunked) this.#passOn(true);
    this.#state = 'done';
    this.#connection.completed(this.#keepsAlive);
  }

  abort(_error: PosternError): void {
    if (this.#state !== 'done') this.#cut();
  }

  /** Called by the connection when it takes bytes again. */
  drained(): void {
    if (this.#state !== 'done') this.listener?.drained();
  }

  /** Called by the connection when the client has gone. */
  gone(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#text = '';
    this.#block = null;
    this.listener?.gone();
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

  get #hasGathered(): boolean {
    return this.#text !== '' || this.#block !== null;
  }

  /** Copies bytes of the body, and passes on what fills a block. @returns false when the connection has no room */
  #gather(bytes: Buffer): boolean {
    let hasRoom = true;
    for (let from = 0; ; ) {
      const length = bytes.length - from;
      if (this.#block === null && this.#text.length + length <= textBytes) {
        this.#text += bytes.toString('latin1', from);
        return hasRoom;
      }
      const block = this.#block ?? this.#openBlock();
      const copied = bytes.copy(block, dataAt + this.#filled, from, from + blockBytes - this.#filled);
      this.#filled += copied;
      from += copied;
      if (this.#filled === blockBytes) hasRoom = this.#passOn(false);
      if (from === bytes.length) return hasRoom;
    }
  }

  #openBlock(): Buffer {
    const { spare } = this.#connection;
    const block = spare.block ?? Buffer.allocUnsafeSlow(dataAt + blockBytes + chunkEnd.length + lastChunk.length);
    spare.block = null;
    this.#block = block;
    this.#filled = block.write(this.#text, dataAt, 'latin1');
    this.#text = '';
    return block;
  }

  /** Sends the head if it was not, what was gathered, and the end of the framing. */
  #passOn(isLast: boolean): boolean {
    const head = this.#state === 'gathering' ? this.#finishHead() : '';
    this.#state = 'passing';
    const end = this.#isChunked && isLast ? lastChunk : '';
    const block = this.#block;
    if (block === null) {
      const text = this.#text;
      this.#text = '';
      const isChunk = this.#isChunked && text !== '';
      return this.#connection.send(
        isChunk ? `${head}${sizeLine(text.length)}${text}${chunkEnd}${end}` : head + text + end,
      );
    }
    this.#block = null;
    return this.#sendBlock(block, head, end);
  }

  #sendBlock(block: Buffer, head: string, end: string): boolean {
    const isLong = head.length > headBytes;
    if (isLong) this.#connection.send(head);
    const hasRoom = this.#connection.send(this.#framed(block, isLong ? '' : head, end));
    // Only a block of which the socket holds nothing may be written to again.
    if (this.#connection.isFlushed) this.#connection.spare.block = block;
    return hasRoom;
  }

  /** A block as it goes onto the wire. */
  #framed(block: Buffer, head: string, end: string): Buffer {
    const line = this.#isChunked ? sizeLine(this.#filled) : '';
    const from = dataAt - line.length - head.length;
    block.write(head + line, from, 'latin1');
    const to = dataAt + this.#filled;
    return block.subarray(from, this.#isChunked ? to + block.write(chunkEnd + end, to, 'latin1') : to);
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

  #cut(): void {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#hasGathered)) this.#passOn(false);
    const isPassing = this.#state === 'passing';
    this.#state = 'done';
    this.#connection.cut(isPassing && !this.#isChunked && this.#declaredLength === -1);
  }
}

/** What goes before a chunk of so many bytes. */
function sizeLine(length: number): string {
  return `${length.toString(16)}\r\n`;
}
