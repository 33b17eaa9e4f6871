// The heads of HTTP/1.1 requests in the bytes of a connection, which come cut anywhere: held until they are taken, found, and read. A client mostly says the
// same with one request after another, so that fields which came before are known by their bytes: what was read of them, and made of that further on, holds
// again. Pure.

import { bytesText, endOfTarget, endOfToken, inOnePiece, isThere } from '../bytes.ts';
import { fieldValue } from './headers.ts';
import {
  type CheckedHost,
  maxHeadBytes,
  parseRequestHead,
  type RequestHead,
  refuseEarly,
  startOfHead,
  tooLarge,
} from './http1-head.ts';

/** Bytes of later requests that are held while one runs; the socket is to be paused above that. */
const maxHeldBytes = 65_536;

const noBytes = Buffer.alloc(0);

/** Holds bytes as they were lent; `keep` copies what is left of them before they are gone. */
export class Http1Input {
  readonly #heads: HeadReader;
  #bytes: Buffer | null = null;
  /** Where the bytes begin that were not taken. */
  #from = 0;

  /** @param known fields that came on other connections */
  constructor(known?: KnownFields) {
    this.#heads = new HeadReader(known);
  }

  /** Whether no byte waits. */
  get isEmpty(): boolean {
    return this.#bytes === null;
  }

  /** Whether more bytes may come before some are taken. */
  get hasRoom(): boolean {
    return this.#bytes === null || this.#bytes.length - this.#from <= maxHeldBytes;
  }

  /** Adds the bytes of a chunk from `from` on. */
  add(chunk: Buffer, from: number): void {
    if (from === chunk.length) return;
    if (this.#bytes === null) {
      this.#bytes = chunk;
      this.#from = from;
    } else {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#from), chunk.subarray(from)]);
      this.#from = 0;
    }
  }

  /** A chunk is about to be written over. */
  keep(chunk: Buffer): void {
    if (this.#bytes !== chunk) return;
    this.#bytes = Buffer.from(chunk.subarray(this.#from));
    this.#from = 0;
  }

  /**
   * Goes on with a head.
   * @returns the head, once it is complete; null: all bytes were taken and more are needed
   * @throws what `HeadReader.read` throws
   */
  readHead(): RequestHead | null {
    if (this.#bytes === null) return null;
    const head = this.#heads.read(this.#bytes, this.#from);
    this.take(this.#heads.consumed);
    return head;
  }

  /** The bytes that wait. */
  peek(): Buffer {
    return this.#bytes === null ? noBytes : this.#bytes.subarray(this.#from);
  }

  /** So many of the bytes that wait were taken. */
  take(count: number): void {
    if (this.#bytes === null) return;
    this.#from += count;
    if (this.#from >= this.#bytes.length) this.drop();
  }

  drop(): void {
    this.#bytes = null;
    this.#from = 0;
  }
}

// Nearly every head is shorter; decoding no more than this keeps a full chunk of small requests from being decoded anew for each.
const windowBytes = 4_096;

/** Reads one head after another. Keeps what came of a head that is not complete. */
export class HeadReader {
  #text = '';
  #consumed = 0;
  /** The last valid Host: a client says the same with each request. */
  readonly #host: CheckedHost = { value: null };
  readonly #last: LastFields;

  /** @param known shared with other readers */
  constructor(known: KnownFields = new KnownFields()) {
    this.#last = new LastFields(known);
  }

  /** Whether part of a head has come. */
  get hasBegun(): boolean {
    return this.#text !== '';
  }

  /** How many bytes of the last chunk given to `read` belonged to the head. */
  get consumed(): number {
    return this.#consumed;
  }

  /**
   * Takes the bytes of `chunk` from `from` on.
   * @returns the head, once it is complete; null: all bytes were taken and more are needed
   * @throws BAD_REQUEST, TLS_ON_PLAIN_PORT and what `parseRequestHead` throws
   */
  read(chunk: Buffer, from: number): RequestHead | null {
    const known = this.#text === '' ? this.#last.read(chunk, from) : null;
    if (known !== null) {
      this.#consumed = requestLineBytes(known) + known.made!.bytes;
      return known;
    }
    const before = this.#text.length;
    let text = this.#text + bytesText(chunk, from, Math.min(chunk.length, from + windowBytes));
    let end = endOfHead(text, before);
    if (end === -1 && chunk.length > from + windowBytes) {
      text = this.#text + chunk.toString('latin1', from, from + maxHeadBytes + 4);
      end = endOfHead(text, before);
    }
    if (end > maxHeadBytes || (end === -1 && text.length > maxHeadBytes)) throw tooLarge(text);
    if (end === -1) {
      refuseEarly(text, before);
      this.#text = text;
      this.#consumed = chunk.length - from;
      return null;
    }
    this.#text = '';
    this.#consumed = end + 4 - before;
    const bytes = before > 0 ? Buffer.from(text, 'latin1') : from > 0 ? chunk.subarray(from) : chunk;
    const head = parseRequestHead(bytes, text, startOfHead(text), end + 2, this.#host);
    this.#last.saw(head, bytes, startOfHead(text), end + 4);
    return head;
  }
}

/** Where the CR LF CR LF begins that ends the head, of which the first `searched` bytes came earlier; -1: it has not come. */
function endOfHead(text: string, searched: number): number {
  // An empty line before the head is its sender's slip, which the specification wants overlooked (RFC 9112, 2.2).
  const from = Math.max(startOfHead(text), searched - 3);
  return text.indexOf('\r\n\r\n', from);
}

/** Fields as they came, and what was read of them. */
interface SeenFields extends Omit<RequestHead, 'method' | 'target' | 'version'> {
  readonly bytes: Uint8Array;
  /** What was asked for with them last. */
  lastTarget: string;
  /** The line of that, once it came twice in a row. */
  lastLine: SeenLine | null;
}

/** A request line as it came, with its end. */
interface SeenLine {
  readonly bytes: Uint8Array;
  readonly method: string;
  readonly target: string;
}

const space = 0x20;
const slash = 0x2f;
const usualMethod = Buffer.from('GET ', 'latin1');
const usualVersion = Buffer.from(' HTTP/1.1\r\n', 'latin1');

/** How long the request line is of a head in HTTP/1.1 whose target came in origin form. */
export function requestLineBytes({ method, target }: RequestHead): number {
  return method.length + 1 + target.length + usualVersion.length;
}

const slotCount = 256;
/** Longest fields that are remembered, with the empty line after them: of all slots together half a megabyte, and as much for what was read of them. */
const mostBytes = 2_048;
/** Longest request line that is remembered. */
const mostLineBytes = 512;
/** Longest target that is read here; longer ones are judged elsewhere. */
const mostTargetBytes = 4_096;

/** Remembers what came last at each slot. All connections of a front share it: an idle one holds no fields. */
export class KnownFields {
  readonly #slots: (SeenFields | null)[] = Array.from({ length: slotCount }, () => null);

  /** A head with the fields that are remembered at a slot, so that its request line alone is read; null: it is none, or has to be read with more care. */
  read(slot: number, bytes: Buffer, from: number): RequestHead | null {
    const seen = this.#slots[slot] ?? null;
    if (seen === null) return null;
    const line = seen.lastLine;
    if (line !== null && isThere(line.bytes, bytes, from) && isThere(seen.bytes, bytes, from + line.bytes.length))
      return withFields(line.method, line.target, seen);
    const methodEnd = endOfToken(bytes, from);
    if (methodEnd === from || bytes[methodEnd] !== space || bytes[methodEnd + 1] !== slash) return null;
    const targetEnd = endOfTarget(bytes, methodEnd + 1);
    if (targetEnd - methodEnd > mostTargetBytes || !isThere(usualVersion, bytes, targetEnd)) return null;
    if (!isThere(seen.bytes, bytes, targetEnd + usualVersion.length)) return null;
    const method = isThere(usualMethod, bytes, from) ? 'GET' : bytesText(bytes, from, methodEnd);
    if (method === 'CONNECT') return null;
    const target = bytesText(bytes, methodEnd + 1, targetEnd);
    const isShort = targetEnd - from <= mostLineBytes;
    const isAgain = isShort && target === seen.lastTarget;
    seen.lastLine = isAgain ? { bytes: copyOf(bytes, from, targetEnd + usualVersion.length), method, target } : null;
    seen.lastTarget = isShort ? target : '';
    return withFields(method, target, seen);
  }

  /** Remembers the fields of a head, which are at `from`. @returns their slot; -1: they are too long */
  keep(head: RequestHead, bytes: Buffer, from: number, to: number): number {
    if (to - from > mostBytes) return -1;
    let hash = to - from;
    for (let at = from; at < to; at += 3) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const slot = (hash >>> 0) % slotCount;
    const before = this.#slots[slot] ?? null;
    if (before !== null && before.bytes.length === to - from && isThere(before.bytes, bytes, from)) return slot;
    const own = copyOf(bytes, from, to);
    const headers = head.headers.map((text, at) => (at % 2 === 0 ? text : inOnePiece(text)));
    const contentType = fieldValue(headers, 'content-type') ?? null;
    const made = { bytes: own.length, contentType, pairs: null, shown: null };
    const { contentLength, isChunked, keepsAlive, expectsContinue } = head;
    const seen = { bytes: own, headers, contentLength, isChunked, keepsAlive, expectsContinue, made };
    this.#slots[slot] = { ...seen, lastTarget: '', lastLine: null };
    return slot;
  }
}

function withFields(
  method: string,
  target: string,
  { headers, contentLength, isChunked, keepsAlive, expectsContinue, made }: SeenFields,
): RequestHead {
  return { method, target, version: '1.1', headers, contentLength, isChunked, keepsAlive, expectsContinue, made };
}

function copyOf(bytes: Buffer, from: number, to: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, from, to);
}

/** The fields that one connection had last: where they are remembered, once it has had some of their length twice. Most that come once do not come again. */
export class LastFields {
  readonly #known: KnownFields;
  #bytes = 0;
  #slot = -1;

  constructor(known: KnownFields) {
    this.#known = known;
  }

  /** See `KnownFields.read()`. */
  read(bytes: Buffer, from: number): RequestHead | null {
    return this.#slot === -1 ? null : this.#known.read(this.#slot, bytes, from);
  }

  /** A head was read of these bytes. */
  saw(head: RequestHead, bytes: Buffer, from: number, to: number): void {
    const fieldsAt = from + requestLineBytes(head);
    // Its target came as it is, and not with a host before it, which changes the fields.
    const isSimple = head.version === '1.1' && isThere(usualVersion, bytes, fieldsAt - usualVersion.length);
    const isAgain = isSimple && this.#bytes === to - fieldsAt;
    this.#bytes = isSimple ? to - fieldsAt : 0;
    this.#slot = isAgain ? this.#known.keep(head, bytes, fieldsAt, to) : -1;
  }
}
