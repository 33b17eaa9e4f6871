// Writes one answer to an HTTP/2 stream (RFC 9113, section 8.1): small ones whole, lengths held against Content-Length.

import { PosternError, unsentHead } from '../errors.ts';
import type { AnswerListener, AnswerManner, HttpAnswer } from '../gateway/message.ts';
import { encodeField } from '../http2/hpack-encoder.ts';
import type { Http2Stream } from '../http2/http2-stream.ts';
import { AnswerFraming, type FieldsBlock } from '../protocol/http/answer-framing.ts';
import { formatFieldsBlock, formatInterimBlock } from './http2-fields.ts';

/** What an answer needs of whoever has its stream. */
export interface AnswerStream {
  readonly method: string;
  /** Date of now. */
  readonly date: string;
  /** See `HttpAnswer.taken`. */
  taken(closely: boolean): number;
  /** The answer will not be complete. */
  failed(error: PosternError): void;
}

/** What is gathered before it is passed on without a `flush`. */
const gatheredBytes = 16_384;

const noBytes = Buffer.alloc(0);

/** The answer to one request. */
export class Http2Answer implements HttpAnswer {
  listener: AnswerListener | null = null;
  readonly #stream: Http2Stream;
  readonly #owner: AnswerStream;
  #state: 'waiting' | 'gathering' | 'passing' | 'done' = 'waiting';
  #status = 0;
  #fields: FieldsBlock | null = null;
  /** Why the head cannot be sent. */
  #unsent: PosternError | null = null;
  #framing: AnswerFraming | null = null;
  /** Bytes that were taken and not passed on. */
  #gathered: Buffer[] = [];
  #length = 0;
  /** Whether the stream has said that it has no room, and not yet that it has again. */
  #isFull = false;

  constructor(stream: Http2Stream, owner: AnswerStream) {
    this.#stream = stream;
    this.#owner = owner;
  }

  get headSent(): boolean {
    return this.#state !== 'waiting';
  }

  taken(closely: boolean): number {
    return this.#owner.taken(closely);
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (this.#state !== 'waiting') return;
    if (status < 200) {
      if (status === 103) this.inform(status, headers);
      return;
    }
    // What only HTTP/1.1 can say is a 500 to a client (RFC 9110, section 15).
    this.#status = status <= 599 ? status : 500;
    try {
      this.#fields = formatFieldsBlock(this.#status, headers, manner?.made);
    } catch (error) {
      this.#unsent = unsentHead(error);
    }
    this.#framing = new AnswerFraming(this.#owner.method, '2.0', status, this.#fields?.declaredLength ?? -1);
    this.#state = 'gathering';
  }

  /** Sends a head before that of the answer. A hint that is none is left out. */
  inform(status: number, headers: readonly string[]): void {
    try {
      this.#stream.head(formatInterimBlock(status, headers), false);
    } catch {
      // It has a field that no client takes.
    }
  }

  write(chunk: Uint8Array): boolean {
    const length = this.#take(chunk);
    // Lent: it is written over when this returns.
    if (length > 0) this.#gather(Buffer.from(chunk.subarray(0, length)));
    return !this.#isFull;
  }

  writeLasting(bytes: Buffer): boolean {
    const length = this.#take(bytes);
    if (length > 0) this.#gather(length === bytes.length ? bytes : bytes.subarray(0, length));
    return !this.#isFull;
  }

  flush(): boolean {
    if (this.#state === 'gathering' || (this.#state === 'passing' && this.#length > 0)) this.#passOn();
    return !this.#isFull;
  }

  end(): void {
    if (this.#state === 'waiting' || this.#state === 'done') return;
    if (this.#framing!.isShort) {
      this.abort(new PosternError('ANSWER_TRUNCATED', 'the answer is shorter than its Content-Length'));
      return;
    }
    const isWhole = this.#state === 'gathering';
    const bytes = this.#takeGathered();
    const isEmpty = bytes.length === 0;
    if (isWhole && this.#isUnsendable()) return;
    this.#state = 'done';
    if (isWhole) this.#respond(true, isEmpty);
    if (!isWhole || !isEmpty) this.#stream.end(bytes);
  }

  abort(error: PosternError): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#gathered = [];
    this.#owner.failed(error);
  }

  /** The client has taken what waited. */
  drained(): void {
    this.#isFull = false;
    if (this.#state !== 'done') this.listener?.drained();
  }

  /** The client has gone. */
  gone(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#gathered = [];
    this.listener?.gone();
  }

  #take(chunk: Uint8Array): number {
    return this.#state === 'gathering' || this.#state === 'passing' ? this.#framing!.take(chunk.length) : 0;
  }

  #gather(bytes: Buffer): void {
    this.#gathered.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= gatheredBytes) this.#passOn();
  }

  #takeGathered(): Buffer {
    const gathered = this.#gathered;
    if (gathered.length === 0) return noBytes;
    this.#gathered = [];
    this.#length = 0;
    return gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered);
  }

  #passOn(): void {
    if (this.#state === 'gathering') {
      if (this.#isUnsendable()) return;
      this.#state = 'passing';
      this.#respond(false, !this.#framing!.hasBody);
    }
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#length = 0;
    for (const bytes of gathered) if (!this.#stream.write(bytes)) this.#isFull = true;
  }

  /** Whether its head cannot be sent; then it has failed. */
  #isUnsendable(): boolean {
    if (this.#unsent === null) return false;
    this.abort(this.#unsent);
    this.listener?.gone(this.#unsent);
    return true;
  }

  /** Sends the head. */
  #respond(isWhole: boolean, endStream: boolean): void {
    const { block, hasDate } = this.#fields!;
    const length = this.#framing!.lengthToAdd(isWhole);
    let all = hasDate ? block : block + encodeField('date', this.#owner.date);
    if (length !== -1) all += encodeField('content-length', String(length));
    this.#stream.head(all, endStream);
  }
}
