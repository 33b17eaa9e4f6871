// What a CGI program prints -> head and body, incrementally (RFC 3875, section 6). Pure.

import { PosternError } from '../../errors.ts';
import { bytesText, isThere, LastView } from '../bytes.ts';
import { BodyDecoder } from '../http/http1-body-decoder.ts';
import { invalid, type OutputHead, parseHead } from './cgi-head.ts';
import { type CgiSink, nothingMade } from './exchange.ts';

/** What a program may make us store before its body begins. */
export interface CgiOutputLimits {
  /** Bytes of one head. @default 65536 */
  readonly maxHeadBytes: number;
  /** Fields of one head. @default 200 */
  readonly maxHeadFields: number;
}

/** The limits where nothing is said. */
export const defaultOutputLimits: CgiOutputLimits = { maxHeadBytes: 65_536, maxHeadFields: 200 };

const MAX_KNOWN = 64;
const MAX_KNOWN_LENGTH = 512;

/** A head that came before. */
interface KnownHead {
  readonly bytes: Uint8Array;
  readonly read: OutputHead;
}

/** Remembers the heads that came before, up to a limit: a program's scripts mostly say the same again and again. */
export class KnownHeads {
  readonly #heads = new Map<string, KnownHead>();
  /** The one that came last, which is found without being looked for. */
  #last: KnownHead | null = null;
  readonly #bodies = new LastView();

  /** The head that came last, if its bytes are at a place once more; null: others are. */
  again(bytes: Buffer, at: number): KnownHead | null {
    const last = this.#last;
    return last !== null && isThere(last.bytes, bytes, at) ? last : null;
  }

  /** Reads a head; the same text gives the same object. @throws ANSWER_INVALID */
  read(text: string, maxFields: number): OutputHead {
    const known = this.#heads.get(text);
    if (known !== undefined) {
      this.#last = known;
      return known.read;
    }
    const read = parseHead(text, maxFields);
    if (text.length > MAX_KNOWN_LENGTH || read.head.lostLines !== undefined) return read;
    if (this.#heads.size === MAX_KNOWN) this.#heads.clear();
    const lasting = { ...read, head: { ...read.head, made: nothingMade() } };
    this.#last = { bytes: Buffer.from(text, 'latin1'), read: lasting };
    this.#heads.set(text, this.#last);
    return lasting;
  }

  /** What follows a head. */
  bodyOf(bytes: Buffer, from: number): Buffer {
    return this.#bodies.of(bytes, from, bytes.length);
  }
}

const NO_BYTES = Buffer.alloc(0);
const LF = 10;
const CR = 13;

/** Reads one answer and hands it to the sink: `head` (again after each 103), then `write`. `end` and `fail` are its owner's to call. */
export class CgiOutput {
  readonly #sink: Pick<CgiSink, 'head' | 'write'>;
  readonly #limits: CgiOutputLimits;
  readonly #known: KnownHeads | null;
  #isInBody = false;
  /** A head that has not come in full; grows with what came. */
  #held: Buffer = NO_BYTES;
  #heldLength = 0;
  /** How far what is held was searched for the end of the head. */
  #searched = 0;
  /** Bytes of the body still to come by the program's own Content-Length; null: it gave none. */
  #bodyLeft: number | null = null;
  /** Takes off the chunks of a program that speaks HTTP itself; null: there are none. */
  #chunks: BodyDecoder | null = null;
  #hasBody = false;

  /** @param known heads of the same program, read with the same limits */
  constructor(
    sink: Pick<CgiSink, 'head' | 'write'>,
    limits: CgiOutputLimits = defaultOutputLimits,
    known: KnownHeads | null = null,
  ) {
    this.#sink = sink;
    this.#limits = limits;
    this.#known = known;
  }

  /** Whether the final head was read and handed on. */
  get isInBody(): boolean {
    return this.#isInBody;
  }

  /** Whether the program's own framing says that all of its body came: its Content-Length was reached, or its last chunk came. */
  get isKnownWhole(): boolean {
    return this.#isInBody && (this.#chunks?.isDone ?? (this.#bodyLeft !== null && this.#bodyLeft <= 0));
  }

  /**
   * Takes the next bytes; they are only lent.
   * @returns what the sink's `write` said; true while there is no body
   * @throws ANSWER_INVALID when the head is no CGI head; then nothing more may be pushed
   */
  push(chunk: Buffer): boolean {
    if (this.#isInBody) return this.#write(chunk);
    const known = this.#heldLength === 0 ? (this.#known?.again(chunk, 0) ?? null) : null;
    if (known !== null) return this.#readAgain(known, chunk);
    if (this.#heldLength === 0) return this.#readHeads(chunk, chunk.length, 0);
    this.#hold(chunk, 0, chunk.length);
    return this.#readHeads(this.#held, this.#heldLength, this.#searched);
  }

  /**
   * To be called when the program has finished its output.
   * @throws ANSWER_INVALID when no final head has come: nothing at all, or text that is no head
   * @throws ANSWER_TRUNCATED when the last of its chunks has not come
   */
  end(): void {
    if (!this.#isInBody) {
      throw invalid(
        this.#heldLength === 0 ? 'it is empty' : `it ends within its header, after ${this.#heldLength} bytes`,
      );
    }
    // A HEAD, 204 or 304 announces chunks and has none.
    if (this.#chunks === null || this.#chunks.isDone || !this.#hasBody) return;
    throw new PosternError('ANSWER_TRUNCATED', "the program's answer ends before its last chunk");
  }

  #write(chunk: Buffer): boolean {
    this.#hasBody = true;
    if (this.#chunks !== null) return this.#writeChunks(this.#chunks, chunk);
    if (this.#bodyLeft !== null) this.#bodyLeft -= chunk.length;
    return this.#sink.write(chunk);
  }

  #writeChunks(chunks: BodyDecoder, chunk: Buffer): boolean {
    let mayGoOn = true;
    try {
      chunks.decode(chunk, 0, (data) => {
        mayGoOn = this.#sink.write(data);
      });
    } catch (thrown) {
      throw invalid(`its chunks are not valid: ${(thrown as Error).message.replace(/^.*?: /, '')}`);
    }
    return mayGoOn;
  }

  /** The head that came last, and what follows it. */
  #readAgain({ bytes: { length }, read }: KnownHead, chunk: Buffer): boolean {
    this.#take(read);
    if (length === chunk.length) return true;
    const rest = this.#known!.bodyOf(chunk, length);
    return this.#isInBody ? this.#write(rest) : this.#readHeads(rest, rest.length, 0);
  }

  /** Reads heads from bytes that hold everything since the last one. @param from where nothing was searched yet */
  #readHeads(bytes: Buffer, length: number, from: number): boolean {
    let start = 0;
    let search = from;
    for (;;) {
      const end = headEnd(bytes, start, search, length);
      if ((end < 0 ? length : end) - start > this.#limits.maxHeadBytes) {
        throw invalid(`its header is larger than ${this.#limits.maxHeadBytes} bytes`);
      }
      if (end < 0) break;
      this.#readHead(bytesText(bytes, start, end));
      start = end;
      search = end;
      if (!this.#isInBody) continue;
      this.#heldLength = 0;
      return start === length ? true : this.#write(bytes.subarray(start, length));
    }
    this.#keep(bytes, start, length);
    return true;
  }

  #readHead(text: string): void {
    const { maxHeadFields } = this.#limits;
    this.#take(this.#known?.read(text, maxHeadFields) ?? parseHead(text, maxHeadFields));
  }

  #take({ head, contentLength, isChunked }: OutputHead): void {
    this.#isInBody = head.status >= 200;
    if (this.#isInBody) {
      this.#bodyLeft = contentLength;
      if (isChunked) this.#chunks = new BodyDecoder(null);
    }
    this.#sink.head(head);
  }

  /** Keeps what is left of a head that has not come in full. */
  #keep(bytes: Buffer, start: number, length: number): void {
    if (bytes === this.#held) {
      this.#held.copyWithin(0, start, length);
      this.#heldLength = length - start;
    } else {
      this.#hold(bytes, start, length);
    }
    // The end of a head is three bytes at most, and the first two of them may be here.
    this.#searched = Math.max(0, this.#heldLength - 2);
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const length = this.#heldLength + end - start;
    if (length > this.#held.length) {
      const larger = Buffer.alloc(2 * length);
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldLength, start, end);
    this.#heldLength = length;
  }
}

/** Where the head that begins at `start` ends: after its empty line, which may be its first; -1 when that has not come. */
function headEnd(bytes: Buffer, start: number, from: number, length: number): number {
  if (start < length && bytes[start] === LF) return start + 1;
  if (start + 1 < length && bytes[start] === CR && bytes[start + 1] === LF) return start + 2;
  for (let at = from; at < length; at += 1) {
    if (bytes[at] !== LF) continue;
    if (at + 1 < length && bytes[at + 1] === LF) return at + 2;
    if (at + 2 < length && bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}
