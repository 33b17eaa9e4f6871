// Bytes -> name-value pairs, the content of PARAMS and of GET_VALUES (FastCGI 1.0, section 3.4). Pure.
//
//   name length (1 or 4 bytes)  value length (1 or 4 bytes)  name  value
//
// A length up to 127 takes one byte; a longer one four, the top bit of the first set.

import { PosternError } from '../../errors.ts';
import type { Environment, Pairs } from '../cgi/exchange.ts';

/** What a peer may make a reader of pairs store. */
export interface NameValueLimits {
  /** Bytes of all pairs of one request, with their lengths. @default 262144 */
  readonly maxBytes: number;
  /** Pairs of one request. @default 1000 */
  readonly maxPairs: number;
}

/** The limits where nothing is said. */
export const defaultNameValueLimits: NameValueLimits = { maxBytes: 262_144, maxPairs: 1_000 };

const NO_BYTES = Buffer.alloc(0);
/** The longest length that takes one byte. */
export const SHORT_MAX = 127;

/**
 * Pairs from bytes that are there in full.
 * @throws PARAMS_TOO_LARGE, PROTOCOL_ERROR
 */
export function decodeNameValues(bytes: Buffer, limits: NameValueLimits = defaultNameValueLimits): Environment {
  const reader = new NameValueReader(limits);
  reader.push(bytes);
  return reader.end();
}

/** The variables of pairs, however many there are. */
export function environmentOf(pairs: Pairs): Environment {
  const limits = { maxBytes: Number.POSITIVE_INFINITY, maxPairs: Number.POSITIVE_INFINITY };
  return decodeNameValues(Buffer.from(pairs, 'latin1'), limits);
}

/** Reads pairs that come in pieces, cut at any byte. */
export class NameValueReader {
  readonly #limits: NameValueLimits;
  readonly #pairs: Environment = Object.create(null) as Environment;
  #pairCount = 0;
  #byteCount = 0;
  /** The beginning of a pair whose end has not come; grows with what came, never by what a length claims. */
  #held: Buffer = NO_BYTES;
  #heldLength = 0;
  /** Bytes from the beginning of that pair without which nothing can be read. */
  #needed = 0;

  constructor(limits: NameValueLimits = defaultNameValueLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the next bytes; they are not kept.
   * @throws PARAMS_TOO_LARGE above the limits
   */
  push(chunk: Buffer): void {
    this.#byteCount += chunk.length;
    if (this.#byteCount > this.#limits.maxBytes) throw tooLarge(`more than ${this.#limits.maxBytes} bytes`);
    if (this.#heldLength === 0) {
      this.#hold(chunk, this.#read(chunk, chunk.length));
      return;
    }
    this.#hold(chunk, 0);
    if (this.#heldLength < this.#needed) return;
    const length = this.#heldLength;
    const at = this.#read(this.#held, length);
    this.#held.copyWithin(0, at, length);
    this.#heldLength = length - at;
  }

  /**
   * The pairs, once all has come; of a name that came twice, the later value. Without a prototype.
   * @throws PROTOCOL_ERROR when the last pair is not complete
   */
  end(): Environment {
    if (this.#heldLength === 0) return this.#pairs;
    throw new PosternError('PROTOCOL_ERROR', `the name-value pairs end ${this.#heldLength} bytes into a pair`);
  }

  /** Reads the pairs that are there in full. @returns where the first incomplete one begins */
  #read(bytes: Buffer, length: number): number {
    // One string for all of it: a call into the engine for each name and value costs more than cutting them from one.
    const text = bytes.toString('latin1', 0, length);
    const pairs = this.#pairs;
    let at = 0;
    while (at < length) {
      const valueLengthAt = at + (bytes[at]! > SHORT_MAX ? 4 : 1);
      if (valueLengthAt >= length) return this.#lacks(at, valueLengthAt + 1);
      const nameAt = valueLengthAt + (bytes[valueLengthAt]! > SHORT_MAX ? 4 : 1);
      if (nameAt > length) return this.#lacks(at, nameAt);
      const valueAt = nameAt + readLength(bytes, at);
      const end = valueAt + readLength(bytes, valueLengthAt);
      if (end > length) return this.#lacks(at, end);
      this.#pairCount += 1;
      pairs[text.substring(nameAt, valueAt)] = text.substring(valueAt, end);
      at = end;
    }
    if (this.#pairCount > this.#limits.maxPairs) throw tooLarge(`more than ${this.#limits.maxPairs} pairs`);
    return at;
  }

  /** The pair that begins at `at` goes on to `end` at least. */
  #lacks(at: number, end: number): number {
    const { maxBytes, maxPairs } = this.#limits;
    if (this.#pairCount > maxPairs) throw tooLarge(`more than ${maxPairs} pairs`);
    this.#needed = end - at;
    if (this.#needed > maxBytes) throw tooLarge(`one pair claims ${this.#needed} bytes`);
    return at;
  }

  #hold(chunk: Buffer, at: number): void {
    if (at === chunk.length) return;
    const length = this.#heldLength + chunk.length - at;
    if (length > this.#held.length) {
      const larger = Buffer.alloc(Math.max(256, 2 * length));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldLength, at);
    this.#heldLength = length;
  }
}

function readLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  return first > SHORT_MAX ? bytes.readUInt32BE(at) & 0x7fffffff : first;
}

function tooLarge(what: string): PosternError {
  return new PosternError(
    'PARAMS_TOO_LARGE',
    `name-value pairs are too large: ${what}; raise the limit if that is wanted`,
  );
}
