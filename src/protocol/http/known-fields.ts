// The head of a request as it was read, and the fields of heads that came before: a client mostly says the same with one request after
// another, and what was read of the bytes, and made of that further on, holds for the same bytes again. Pure.

import { bytesText, inOnePiece } from '../text.ts';
import { endOfTarget, endOfToken } from './headers.ts';

/** The fields' part of the environment, as FastCGI's pairs, and what it was made by: see `protocol/cgi/environment.ts`. */
export interface FieldPairs {
  readonly pairs: Uint8Array;
  readonly names: object;
  readonly configured: object | null;
  readonly hasHost: boolean;
}

/** What logs show of fields: see `gateway/request-log.ts`. */
export interface ShownFields {
  readonly host: string;
  readonly userAgent: string | null;
  readonly referer: string | null;
  readonly traceId: string | null;
}

/** What those who take a request made of its fields. */
export interface MadeOfFields {
  /** How long they are, with the empty line after them. */
  readonly bytes: number;
  pairs: FieldPairs | null;
  shown: ShownFields | null;
}

/** A request without its body. Byte strings. */
export interface RequestHead {
  readonly method: string;
  /** "/a?b" or "*". */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** Name, value, name, value. Where the target came in absolute form, Host is the target's. */
  readonly headers: readonly string[];
  /** From Content-Length; null where there is none. */
  readonly contentLength: number | null;
  /** Whether the body comes in chunks. */
  readonly isChunked: boolean;
  /** Whether the client means to send another request on this connection. */
  readonly keepsAlive: boolean;
  /** Whether the client waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** Of fields that came before; null: these did not. */
  readonly made: MadeOfFields | null;
}

/** Fields as they came, and what was read of them. */
interface SeenFields extends Omit<RequestHead, 'method' | 'target' | 'version'> {
  readonly bytes: Uint8Array;
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
/** Bytes that are compared here: above that it is quicker to have it done. */
const fewBytes = 120;
/** Longest target that is read here; longer ones are judged elsewhere. */
const mostTargetBytes = 4_096;

/** Remembers what came last at each slot. All connections of a front share it: an idle one holds no fields. */
export class KnownFields {
  readonly #slots: (SeenFields | null)[] = Array.from({ length: slotCount }, () => null);

  /** A head with the fields that are remembered at a slot, so that its request line alone is read; null: it is none, or has to be read with more care. */
  read(slot: number, bytes: Buffer, from: number): RequestHead | null {
    const seen = this.#slots[slot] ?? null;
    if (seen === null) return null;
    const methodEnd = endOfToken(bytes, from);
    if (methodEnd === from || bytes[methodEnd] !== space || bytes[methodEnd + 1] !== slash) return null;
    const targetEnd = endOfTarget(bytes, methodEnd + 1);
    if (targetEnd - methodEnd > mostTargetBytes || !isThere(usualVersion, bytes, targetEnd)) return null;
    if (!isThere(seen.bytes, bytes, targetEnd + usualVersion.length)) return null;
    const method = isThere(usualMethod, bytes, from) ? 'GET' : bytesText(bytes, from, methodEnd);
    if (method === 'CONNECT') return null;
    const { headers, contentLength, isChunked, keepsAlive, expectsContinue, made } = seen;
    const target = bytesText(bytes, methodEnd + 1, targetEnd);
    return { method, target, version: '1.1', headers, contentLength, isChunked, keepsAlive, expectsContinue, made };
  }

  /** Remembers the fields of a head, which are at `from`. @returns their slot; -1: they are too long */
  keep(head: RequestHead, bytes: Buffer, from: number, to: number): number {
    if (to - from > mostBytes) return -1;
    let hash = to - from;
    for (let at = from; at < to; at += 3) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const slot = (hash >>> 0) % slotCount;
    const before = this.#slots[slot] ?? null;
    if (before !== null && before.bytes.length === to - from && isThere(before.bytes, bytes, from)) return slot;
    const own = Uint8Array.prototype.slice.call(bytes, from, to);
    const headers = head.headers.map((text, at) => (at % 2 === 0 ? text : inOnePiece(text)));
    const made = { bytes: own.length, pairs: null, shown: null };
    const { contentLength, isChunked, keepsAlive, expectsContinue } = head;
    this.#slots[slot] = { bytes: own, headers, contentLength, isChunked, keepsAlive, expectsContinue, made };
    return slot;
  }
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

function isThere(known: Uint8Array, bytes: Buffer, at: number): boolean {
  const { length } = known;
  if (bytes.length - at < length) return false;
  if (length > fewBytes) {
    // Most that differ are longer or shorter.
    if (bytes[at + length - 5] !== known[length - 5] || bytes[at + length - 2] !== known[length - 2]) return false;
    return bytes.compare(known, 0, length, at, at + length) === 0;
  }
  for (let i = 0; i < length; i += 1) if (bytes[at + i] !== known[i]) return false;
  return true;
}
