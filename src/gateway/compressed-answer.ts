// An answer that is compressed on its way to the front. Only sites that compress have it.
//
//   open -> plain ; open -> holding -> plain, whole or streaming ; any -> over
//
// plain: it passes as it is. holding: its head and first bytes wait, until it is known whether it is short, and whole. whole: all of it came, and is being
// compressed in a thread. streaming: it is compressed as it comes, and what the program flushes is flushed: an event stream is not held.

import { PosternError } from '../errors.ts';
import type { MadeOfHead, TreatedHead } from '../protocol/cgi/exchange.ts';
import { type Coding, codedHeader, weakTag, withVary } from '../protocol/http/accept-encoding.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import {
  AT_ONCE_BYTES,
  type Compression,
  type Compressor,
  compress,
  compressAtOnce,
  createCompressor,
} from './compression.ts';
import type { AnswerListener, AnswerManner, HttpAnswer, HttpRequest, Tunnel, TunnelInput } from './message.ts';

/** What is held of an answer, in the hope that it is no more. */
const holdBytes = 65_536;

type State = 'open' | 'plain' | 'holding' | 'whole' | 'streaming' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  open: ['plain', 'holding', 'over'],
  plain: ['over'],
  holding: ['plain', 'whole', 'streaming', 'over'],
  whole: ['over'],
  streaming: ['over'],
  over: [],
};

interface Head {
  readonly treated: TreatedHead;
  readonly manner: AnswerManner | undefined;
}

/** One answer. */
export class CompressedAnswer implements HttpAnswer, AnswerListener {
  listener: AnswerListener | null = null;
  readonly #answer: HttpAnswer;
  readonly #compression: Compression;
  readonly #request: Pick<HttpRequest, 'method' | 'headers'>;
  #state: State = 'open';
  #head: Head | null = null;
  #coding: Coding | null = null;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes that were told and have not come: the front sees others, and cannot hold them against that. */
  #left = Number.POSITIVE_INFINITY;
  #compressor: Compressor | null = null;
  /** Whether bytes came since the compressor was last told to give all that it has. */
  #isDirty = false;
  #hasEnded = false;

  constructor(answer: HttpAnswer, compression: Compression, request: Pick<HttpRequest, 'method' | 'headers'>) {
    this.#answer = answer;
    this.#compression = compression;
    this.#request = request;
    answer.listener = this;
  }

  get headSent(): boolean {
    return this.#answer.headSent;
  }

  taken(closely: boolean): number {
    return this.#answer.taken(closely);
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (status < 200 || this.#state !== 'open') {
      this.#answer.head(status, headers, manner);
      return;
    }
    const treated = treatedHead(this.#compression, status, headers, manner?.made);
    const { treatment } = treated;
    this.#coding = treatment === 'compress' ? this.#compression.chooseFor(this.#request.headers) : null;
    if (this.#coding !== null && this.#request.method !== 'HEAD') {
      this.#move('holding');
      this.#head = { treated, manner };
      this.#left = Number(fieldValue(headers, 'content-length') ?? Number.POSITIVE_INFINITY);
      return;
    }
    this.#move('plain');
    if (treatment === 'never') this.#answer.head(status, headers, manner);
    else this.#answer.head(status, headerFor(treated, this.#coding), manner);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state === 'plain') return this.#answer.write(chunk);
    return this.#take(chunk, true);
  }

  writeLasting(bytes: Buffer): boolean {
    if (this.#state !== 'plain') return this.#take(bytes, false);
    return this.#answer.writeLasting === undefined ? this.#answer.write(bytes) : this.#answer.writeLasting(bytes);
  }

  tunnel(headers: readonly string[], input: TunnelInput): Tunnel | null {
    const tunnel = this.#answer.tunnel?.(headers, input) ?? null;
    if (tunnel !== null) this.#move('plain');
    return tunnel;
  }

  flush(): boolean {
    if (this.#state === 'plain') return this.#answer.flush();
    if (this.#state === 'holding') this.#stream();
    if (this.#state === 'streaming' && this.#isDirty) {
      this.#isDirty = false;
      this.#compressor!.flush();
    }
    return this.#compressor === null || !this.#compressor.writableNeedDrain;
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#left > 0 && this.#left !== Number.POSITIVE_INFINITY) {
      this.abort(new PosternError('ANSWER_TRUNCATED', `${this.#left} bytes of an answer did not come`));
    } else if (this.#state === 'holding') this.#endHeld();
    else if (this.#state === 'streaming') {
      this.#compressor!.end();
      // What is left is little, and nobody waits for it to be taken.
      this.#compressor!.resume();
    } else if (this.#state === 'plain') {
      this.#move('over');
      this.#answer.end();
    }
  }

  abort(error: PosternError): void {
    if (this.#state === 'over') return;
    this.#over();
    this.#answer.abort(error);
  }

  // What the front says.

  drained(): void {
    if (this.#state === 'streaming') this.#compressor!.resume();
    else this.listener?.drained();
  }

  gone(error?: PosternError): void {
    this.#over();
    this.listener?.gone(error);
  }

  get writeTimeoutMs(): number {
    return this.listener?.writeTimeoutMs ?? 0;
  }

  /** @param isLent whether the bytes are another's as soon as this returns */
  #take(chunk: Uint8Array, isLent: boolean): boolean {
    if (this.#state !== 'holding' && this.#state !== 'streaming') return true;
    const own = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, this.#left));
    const bytes = isLent ? Buffer.from(own) : own;
    this.#left -= bytes.length;
    if (this.#state === 'streaming') {
      this.#isDirty = true;
      return this.#compressor!.write(bytes);
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < holdBytes) return true;
    this.#stream();
    return !this.#compressor!.writableNeedDrain;
  }

  /** All came. What is short, or does not get shorter, is sent as it is. */
  #endHeld(): void {
    const bytes = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    if (bytes.length < this.#compression.options.minBytes) {
      this.#sendWhole(bytes, null);
      return;
    }
    const coding = this.#coding!;
    if (bytes.length <= AT_ONCE_BYTES) {
      this.#compressAtOnce(bytes, coding);
      return;
    }
    this.#move('whole');
    compress(bytes, coding, 'answer').then(
      (compressed) => this.#sendShorter(bytes, compressed),
      (error: Error) => this.#failed(error),
    );
  }

  #compressAtOnce(bytes: Buffer, coding: Coding): void {
    let compressed: Buffer;
    try {
      compressed = compressAtOnce(bytes, coding);
    } catch (error) {
      this.#failed(error as Error);
      return;
    }
    this.#sendShorter(bytes, compressed);
  }

  #sendShorter(bytes: Buffer, compressed: Buffer): void {
    if (compressed.length < bytes.length) this.#sendWhole(compressed, this.#coding);
    else this.#sendWhole(bytes, null);
  }

  #sendWhole(bytes: Buffer, coding: Coding | null): void {
    if (this.#state === 'over') return;
    const { treated, manner } = this.#head!;
    this.#move('over');
    this.#answer.head(treated.status, headerFor(treated, coding), manner);
    if (bytes.length > 0) this.#answer.write(bytes);
    this.#answer.end();
  }

  #stream(): void {
    const { treated, manner } = this.#head!;
    this.#move('streaming');
    const compressor = createCompressor(this.#coding!);
    this.#compressor = compressor;
    this.#answer.head(treated.status, headerFor(treated, this.#coding), manner);
    compressor.on('data', (bytes: Buffer) => {
      if (this.#state !== 'streaming') return;
      const goesOn = this.#answer.writeLasting?.(bytes) ?? this.#answer.write(bytes);
      const isFlushed = this.#answer.flush();
      if ((!goesOn || !isFlushed) && !this.#hasEnded) compressor.pause();
    });
    compressor.on('drain', () => {
      if (this.#state === 'streaming' && !this.#hasEnded) this.listener?.drained();
    });
    compressor.on('end', () => {
      if (this.#state !== 'streaming') return;
      this.#over();
      this.#answer.end();
    });
    compressor.on('error', (error) => this.#failed(error));
    if (this.#heldBytes === 0) this.#answer.flush();
    for (const bytes of this.#held) compressor.write(bytes);
    this.#isDirty = this.#heldBytes > 0;
    this.#held = [];
  }

  #failed(error: Error): void {
    if (this.#state === 'over') return;
    this.#over();
    this.#answer.abort(
      new PosternError('INTERNAL', `an answer could not be compressed: ${error.message}`, { cause: error }),
    );
  }

  #over(): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#held = [];
    this.#compressor?.destroy();
    this.#compressor = null;
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a compressed answer cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** What becomes of a head: of one that comes again, what became of it before. */
function treatedHead(by: Compression, status: number, headers: readonly string[], made?: MadeOfHead): TreatedHead {
  const known = made?.treated ?? null;
  // Fields may have been put to it on the way.
  if (known !== null && known.headers === headers && known.by === by && known.status === status) return known;
  const treated = { by, status, headers, treatment: by.treatmentOf(status, headers), varied: null, coded: null };
  if (made !== undefined) made.treated = treated;
  return treated;
}

/** @param coding null: it is sent as it is. Who has it compressed asks with the weak tag */
function headerFor(treated: TreatedHead, coding: Coding | null): readonly string[] {
  const { status, headers } = treated;
  if (coding === null) {
    treated.varied ??= withVary(status === 304 ? weakTag(headers) : headers);
    return treated.varied;
  }
  if (treated.coded?.coding !== coding) treated.coded = { coding, headers: codedHeader(headers, coding) };
  return treated.coded.headers;
}
