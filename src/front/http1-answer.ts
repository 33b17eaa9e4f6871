// Writes one answer to an HTTP/1.1 connection: head and body framed, gathered, and passed on in as few writes as can be.

import { Buffer } from 'node:buffer';
import type { PosternError } from '../errors.ts';
import type { AnswerListener, AnswerManner, HttpAnswer, Tunnel, TunnelInput } from '../gateway/message.ts';
import { bytesText, inOnePiece } from '../protocol/bytes.ts';
import { AnswerFraming, formatAnswerHead, mayHaveLength } from '../protocol/http/answer-framing.ts';

/** What an answer needs of its connection. */
export interface AnswerConnection {
  /** Whether another request may follow; asked when the head is passed on. */
  readonly mayKeepAlive: boolean;
  /** "Date: ...\r\n" of now. */
  readonly dateLine: string;
  /** Sends a byte string or bytes, which now belong to the connection. False: wait until `drained` is called. */
  send(data: string | Buffer): boolean;
  /** Changes when the client takes some of what was sent and waits. */
  taken(closely: boolean): number;
  /** Whether the system has taken all that was sent. */
  readonly isFlushed: boolean;
  /** Shared by all connections of a front. */
  readonly spare: SpareBlock;
  /** The answer is complete, and was sent. */
  completed(keepsAlive: boolean): void;
  /** What the client sends from now on is for `input`. */
  openTunnel(input: TunnelInput): Tunnel;
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
  #framing: AnswerFraming | null = null;
  #isChunked = false;
  #keepsAlive = true;
  /** Whether the connection has said that it has no room, and not yet that it has again. */
  #isFull = false;
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

  taken(closely: boolean): number {
    return this.#connection.taken(closely);
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (this.#state !== 'waiting') return;
    if (status < 200) {
      this.#sendInterim(status, headers);
      return;
    }
    const made = manner?.made;
    let head = made?.answer ?? null;
    // Fields may have been put to it on the way.
    if (head === null || head.headers !== headers) {
      head = formatAnswerHead(status, headers, mayHaveLength(status), manner?.reason);
      if (made !== undefined) {
        head = { ...head, text: inOnePiece(head.text) };
        made.answer = head;
      }
    }
    const { text, hasDate, declaredLength } = head;
    this.#head = text;
    this.#hasDate = hasDate;
    this.#framing = new AnswerFraming(this.#to.method, this.#to.version, status, declaredLength);
    if (manner?.closes === true) this.#keepsAlive = false;
    this.#state = 'gathering';
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state === 'waiting' || this.#state === 'done') return true;
    this.#gather(this.#take(chunk));
    return !this.#isFull;
  }

  writeLasting(bytes: Buffer): boolean {
    // What fits a block is copied, so that it leaves with the head in one write; a chunk needs its framing.
    const framing = this.#framing;
    const isCopied = bytes.length <= blockBytes || framing === null || !framing.hasBody || !framing.hasLength;
    if (isCopied || this.#state === 'done') return this.write(bytes);
    this.flush();
    this.#send(this.#take(bytes));
    return !this.#isFull;
  }

  tunnel(headers: readonly string[], input: TunnelInput): Tunnel | null {
    if (this.#state !== 'waiting' || this.#to.version === '1.0') return null;
    this.#sendInterim(101, headers);
    // What follows is framed by nothing but the connection's end.
    this.#framing = new AnswerFraming('GET', '1.0', 200, -1);
    this.#keepsAlive = false;
    this.#state = 'passing';
    return this.#connection.openTunnel(input);
  }

  flush(): boolean {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#hasGathered())) this.#passOn(false);
    return !this.#isFull;
  }

  end(): void {
    if (this.#state === 'waiting' || this.#state === 'done') return;
    if (this.#framing!.isShort) {
      this.#cut();
      return;
    }
    if (this.#state === 'gathering' || this.#hasGathered() || this.#isChunked) this.#passOn(true);
    this.#state = 'done';
    this.#connection.completed(this.#keepsAlive);
  }

  abort(_error: PosternError): void {
    if (this.#state !== 'done') this.#cut();
  }

  /** Called by the connection when it takes bytes again. */
  drained(): void {
    this.#isFull = false;
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
    this.#send(`${formatAnswerHead(status, headers, false).text}\r\n`);
  }

  /** The part of `chunk` that belongs to the body. */
  #take(chunk: Uint8Array): Buffer {
    const framing = this.#framing!;
    const length = framing.take(chunk.length);
    if (framing.isCutShort) this.#keepsAlive = false;
    if (length === chunk.length && Buffer.isBuffer(chunk)) return chunk;
    return Buffer.from(chunk.buffer, chunk.byteOffset, length);
  }

  #hasGathered(): boolean {
    return this.#text !== '' || this.#block !== null;
  }

  /** Copies bytes of the body, and passes on what fills a block. */
  #gather(bytes: Buffer): void {
    for (let from = 0; ; ) {
      const length = bytes.length - from;
      if (this.#block === null && this.#text.length + length <= textBytes) {
        this.#text += bytesText(bytes, from, bytes.length);
        return;
      }
      const block = this.#block ?? this.#openBlock();
      const copied = bytes.copy(block, dataAt + this.#filled, from, from + blockBytes - this.#filled);
      this.#filled += copied;
      from += copied;
      if (this.#filled === blockBytes) this.#passOn(false);
      if (from === bytes.length) return;
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
  #passOn(isLast: boolean): void {
    const head = this.#state === 'gathering' ? this.#finishHead(isLast) : '';
    this.#state = 'passing';
    const end = this.#isChunked && isLast ? lastChunk : '';
    const block = this.#block;
    if (block === null) {
      const text = this.#text;
      this.#text = '';
      const isChunk = this.#isChunked && text !== '';
      this.#send(isChunk ? `${head}${sizeLine(text.length)}${text}${chunkEnd}${end}` : head + text + end);
      return;
    }
    this.#block = null;
    this.#sendBlock(block, head, end);
  }

  #sendBlock(block: Buffer, head: string, end: string): void {
    const isLong = head.length > headBytes;
    if (isLong) this.#send(head);
    this.#send(this.#framed(block, isLong ? '' : head, end));
    // Only a block of which the socket holds nothing may be written to again.
    if (this.#connection.isFlushed) this.#connection.spare.block = block;
  }

  #send(data: string | Buffer): void {
    if (!this.#connection.send(data)) this.#isFull = true;
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
  #finishHead(isWhole: boolean): string {
    const framing = this.#framing!;
    let text = this.#head;
    this.#head = '';
    const length = framing.lengthToAdd(isWhole);
    if (length !== -1) text += lengthLine(length);
    this.#isChunked = framing.isChunked;
    if (!this.#connection.mayKeepAlive || framing.isUntilClose) this.#keepsAlive = false;
    if (!this.#hasDate) text += this.#connection.dateLine;
    if (this.#isChunked) text += 'Transfer-Encoding: chunked\r\n';
    if (!this.#keepsAlive) text += 'Connection: close\r\n';
    else if (this.#to.version === '1.0') text += 'Connection: keep-alive\r\n';
    return text + emptyLine;
  }

  #cut(): void {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#hasGathered())) this.#passOn(false);
    const isPassing = this.#state === 'passing';
    this.#state = 'done';
    this.#connection.cut(isPassing && this.#framing!.isUntilClose);
  }
}

const emptyLine = '\r\n';
/** By their lengths, in one piece each; made when first asked for. */
const lengthLines: string[] = Array.from({ length: 1_024 }, () => '');

function lengthLine(length: number): string {
  const isShort = length < lengthLines.length;
  if (isShort && lengthLines[length] !== '') return lengthLines[length]!;
  const line = inOnePiece(`Content-Length: ${length}\r\n`);
  if (isShort) lengthLines[length] = line;
  return line;
}

/** What goes before a chunk of so many bytes. */
function sizeLine(length: number): string {
  return `${length.toString(16)}\r\n`;
}
