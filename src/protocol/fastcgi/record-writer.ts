// FastCGI records, and the name-value pairs in them (FastCGI 1.0, sections 3.3 and 3.4) -> bytes, gathered so that what belongs together leaves in one
// write. Pure.

import { PosternError } from '../../errors.ts';
import { LentViews } from '../bytes.ts';
import type { Environment, Pairs, Role } from '../cgi/exchange.ts';
import { environmentOf, SHORT_MAX } from './name-value-reader.ts';
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  END_REQUEST,
  GET_VALUES,
  GET_VALUES_RESULT,
  HEADER_BYTES,
  KEEP_CONNECTION,
  MANAGEMENT_ID,
  MAX_CONTENT_BYTES,
  PARAMS,
  roleNumbers,
  type StreamType,
  UNKNOWN_TYPE,
  VERSION,
} from './record.ts';

/**
 * Content of a PARAMS record at most. PHP resets the connection on a record above 65,528 bytes with its padding, and on
 * a pair that is cut by the end of a record.
 */
export const MAX_PARAMS_BYTES = 64_992;
const NO_BYTES = Buffer.alloc(0);
export const ALIGNMENT = 8;
/** Memory up to this size is kept for the next records when it is given back: that of one full record. */
const KEPT_BYTES = 66_560;

/**
 * Gathers records until `take()`. Content of one stream that is added piece by piece goes into as few records as it fits in.
 * Every record is padded to a multiple of 8 bytes.
 */
export class RecordWriter {
  #buffer: Buffer | null = null;
  /** What `take()` gave out last, until it is given back. */
  #taken: Buffer | null = null;
  /** What was given back, for the next records. */
  #spare: Buffer | null = null;
  /** What was given back last, and views of it: it is mostly what is taken next. */
  #viewed: Buffer | null = null;
  #views: LentViews | null = null;
  #length = 0;
  /** Where the header of the stream record that may still grow begins; -1: there is none. */
  #openAt = -1;
  #openType = 0;
  #openId = 0;

  /** Bytes gathered so far, without the padding of the last record. */
  get length(): number {
    return this.#length;
  }

  /** BEGIN_REQUEST. */
  begin(id: number, role: Role, keepConnection: boolean): void {
    const body = this.#fixed(BEGIN_REQUEST, id, 8);
    this.#buffer![body + 1] = roleNumbers[role];
    this.#buffer![body + 2] = keepConnection ? KEEP_CONNECTION : 0;
  }

  /**
   * PARAMS, whole: the pairs, cut between records only where a pair ends, and the empty record that closes the stream.
   * @throws PARAMS_TOO_LARGE when one pair does not fit into a record; then nothing was added.
   */
  params(id: number, environment: Environment | Pairs): void {
    // One copy for all pairs: a walk that reads and copies each variable takes a third longer.
    const isText = typeof environment === 'string';
    const pairs = isText ? environment : nameValueText(environment);
    if (pairs.length > MAX_PARAMS_BYTES) {
      this.#largeParams(id, isText ? environmentOf(environment) : environment, pairs.length);
    } else {
      this.text(PARAMS, id, pairs);
      this.#close();
    }
    this.end(PARAMS, id);
  }

  #largeParams(id: number, environment: Environment, bytes: number): void {
    checkPairs(environment);
    // Headers and padding: every record but the last holds more than half of the maximum, or the pair after it does.
    this.#reserve(bytes + 16 * (2 + Math.ceil((2 * bytes) / MAX_PARAMS_BYTES)));
    this.#close();
    const buffer = this.#buffer!;
    let headerAt = this.#length;
    let at = headerAt + HEADER_BYTES;
    for (const name in environment) {
      const value = environment[name]!;
      if (at + pairBytes(name, value) - headerAt - HEADER_BYTES > MAX_PARAMS_BYTES) {
        headerAt = finishRecord(buffer, headerAt, at, PARAMS, id);
        at = headerAt + HEADER_BYTES;
      }
      at = writePair(buffer, at, name, value);
    }
    this.#length = finishRecord(buffer, headerAt, at, PARAMS, id);
  }

  /** Some content of a stream; empty content adds nothing. */
  content(type: StreamType, id: number, bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const room = this.#open(type, id, bytes.length - from);
      const count = Math.min(room, bytes.length - from);
      this.#buffer!.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#length);
      this.#length += count;
      from += count;
    }
  }

  /** Some content of a stream, given as a byte string. */
  text(type: StreamType, id: number, text: string): void {
    let from = 0;
    while (from < text.length) {
      const room = this.#open(type, id, text.length - from);
      const part = from === 0 && room >= text.length ? text : text.slice(from, from + room);
      this.#buffer!.write(part, this.#length, 'latin1');
      this.#length += part.length;
      from += part.length;
    }
  }

  /** The empty record that closes a stream. */
  end(type: StreamType, id: number): void {
    this.#fixed(type, id, 0);
  }

  /** END_REQUEST. @param appStatus as a program's exit status; @param protocolStatus see `record.ts` */
  endRequest(id: number, appStatus: number, protocolStatus: number): void {
    const body = this.#fixed(END_REQUEST, id, 8);
    this.#buffer!.writeUInt32BE(appStatus >>> 0, body);
    this.#buffer![body + 4] = protocolStatus;
  }

  /** ABORT_REQUEST. */
  abort(id: number): void {
    this.#fixed(ABORT_REQUEST, id, 0);
  }

  /** GET_VALUES, which asks for the names given. */
  getValues(names: readonly string[]): void {
    this.#values(GET_VALUES, Object.fromEntries(names.map((name) => [name, ''])));
  }

  /** GET_VALUES_RESULT. */
  valuesResult(values: Environment): void {
    this.#values(GET_VALUES_RESULT, values);
  }

  /** UNKNOWN_TYPE: the answer to a management record of a type that is not known here. */
  unknownType(type: number): void {
    const body = this.#fixed(UNKNOWN_TYPE, MANAGEMENT_ID, 8);
    this.#buffer![body] = type;
  }

  /** All that was gathered, for one write; the writer is empty afterwards and does not touch these bytes unless they are given back. */
  take(): Buffer {
    this.#close();
    const taken = this.#buffer === null ? NO_BYTES : this.#viewOf(this.#buffer);
    this.#taken = this.#buffer;
    this.#buffer = null;
    this.#length = 0;
    return taken;
  }

  /** Whoever took the records has sent them: their memory may be used again. Saves an allocation a write; see bench/micro. */
  giveBack(): void {
    if (this.#taken !== null && this.#taken.length <= KEPT_BYTES) {
      this.#spare = this.#taken;
      if (this.#taken !== this.#viewed) this.#views = new LentViews(this.#taken);
      this.#viewed = this.#taken;
    }
    this.#taken = null;
  }

  #viewOf(buffer: Buffer): Buffer {
    return buffer === this.#viewed ? this.#views!.first(this.#length) : buffer.subarray(0, this.#length);
  }

  #values(type: number, values: Environment): void {
    const bytes = nameValueBytes(values);
    if (bytes > MAX_CONTENT_BYTES) {
      throw new PosternError('PARAMS_TOO_LARGE', `values of ${bytes} bytes do not fit into one record of 65,535 bytes`);
    }
    let at = this.#fixed(type, MANAGEMENT_ID, bytes);
    for (const name in values) at = writePair(this.#buffer!, at, name, values[name]!);
  }

  /** Adds a record whose content is zeros, to be filled in. @returns where its content begins */
  #fixed(type: number, id: number, contentBytes: number): number {
    this.#reserve(HEADER_BYTES + contentBytes + 2 * ALIGNMENT);
    this.#close();
    const contentAt = this.#length + HEADER_BYTES;
    for (let at = contentAt; at < contentAt + contentBytes; at += 1) this.#buffer![at] = 0;
    this.#length = finishRecord(this.#buffer!, this.#length, contentAt + contentBytes, type, id);
    return contentAt;
  }

  /** Makes room for content of a stream, in the record that is open or in a new one. @returns how many bytes fit into the record */
  #open(type: StreamType, id: number, wanted: number): number {
    this.#reserve(HEADER_BYTES + Math.min(wanted, MAX_CONTENT_BYTES) + 2 * ALIGNMENT);
    const used = this.#length - this.#openAt - HEADER_BYTES;
    if (this.#openAt >= 0 && this.#openType === type && this.#openId === id && used < MAX_CONTENT_BYTES) {
      return MAX_CONTENT_BYTES - used;
    }
    this.#close();
    this.#openAt = this.#length;
    this.#openType = type;
    this.#openId = id;
    this.#length += HEADER_BYTES;
    return MAX_CONTENT_BYTES;
  }

  /** Writes header and padding of the stream record that is open. */
  #close(): void {
    if (this.#openAt < 0) return;
    this.#length = finishRecord(this.#buffer!, this.#openAt, this.#length, this.#openType, this.#openId);
    this.#openAt = -1;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (this.#buffer === null) {
      const spare = this.#spare;
      this.#spare = null;
      this.#buffer = spare !== null && spare.length >= needed ? spare : Buffer.allocUnsafe(needed);
    } else if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, needed));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
  }
}

/** Writes the header at `headerAt` for content that ends at `end`, and its padding. @returns where the next record begins */
export function finishRecord(buffer: Buffer, headerAt: number, end: number, type: number, id: number): number {
  const length = end - headerAt - HEADER_BYTES;
  const padding = -length & (ALIGNMENT - 1);
  buffer[headerAt] = VERSION;
  buffer[headerAt + 1] = type;
  buffer[headerAt + 2] = id >>> 8;
  buffer[headerAt + 3] = id & 0xff;
  buffer[headerAt + 4] = length >>> 8;
  buffer[headerAt + 5] = length & 0xff;
  buffer[headerAt + 6] = padding;
  buffer[headerAt + 7] = 0;
  // The buffer was not cleared when it was allocated: padding that is left as it is would send our memory to the peer.
  for (let at = end; at < end + padding; at += 1) buffer[at] = 0;
  return end + padding;
}

function checkPairs(environment: Environment): void {
  for (const name in environment) {
    const bytes = pairBytes(name, environment[name]!);
    if (bytes <= MAX_PARAMS_BYTES) continue;
    throw new PosternError(
      'PARAMS_TOO_LARGE',
      `variable ${name.slice(0, 100)} takes ${bytes} bytes, and a record of variables holds ${MAX_PARAMS_BYTES}`,
    );
  }
}

/** Bytes that one pair takes. */
export function pairBytes(name: string, value: string): number {
  return lengthBytes(name.length) + lengthBytes(value.length) + name.length + value.length;
}

/** Bytes that a list of pairs takes. */
function nameValueBytes(environment: Environment): number {
  let bytes = 0;
  for (const name in environment) bytes += pairBytes(name, environment[name]!);
  return bytes;
}

/**
 * Writes one pair at `at`, where `pairBytes` of room are.
 * @param name byte string, as is the value
 * @returns where the next byte goes
 */
function writePair(target: Buffer, at: number, name: string, value: string): number {
  const nameAt = writeLength(target, writeLength(target, at, name.length), value.length);
  const valueAt = nameAt + writeText(target, nameAt, name);
  return valueAt + writeText(target, valueAt, value);
}

const shortLengths: readonly string[] = Array.from({ length: SHORT_MAX + 1 }, (_, length) =>
  String.fromCharCode(length),
);

/** A list of name, value, name, value as the byte string of its pairs. */
export function pairsText(list: readonly string[]): string {
  let text = '';
  for (let at = 0; at < list.length; at += 2) text += pairText(list[at]!, list[at + 1]!);
  return text;
}

/** One pair as a byte string. */
function pairText(name: string, value: string): string {
  return lengthText(name.length) + lengthText(value.length) + name + value;
}

function lengthText(length: number): string {
  if (length <= SHORT_MAX) return shortLengths[length]!;
  return String.fromCharCode((length >>> 24) | 0x80, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** Pairs as a byte string. */
function nameValueText(environment: Environment): string {
  let text = '';
  for (const name in environment) text += pairText(name, environment[name]!);
  return text;
}

/** Pairs as bytes. */
export function encodeNameValues(environment: Environment): Buffer {
  const target = Buffer.allocUnsafe(nameValueBytes(environment));
  let at = 0;
  for (const name in environment) at = writePair(target, at, name, environment[name]!);
  return target;
}

function lengthBytes(length: number): number {
  return length > SHORT_MAX ? 4 : 1;
}

function writeLength(target: Buffer, at: number, length: number): number {
  if (length > SHORT_MAX) return target.writeUInt32BE((length | 0x80000000) >>> 0, at);
  target[at] = length;
  return at + 1;
}

/** write() is a call into the engine, so what is short is written here. */
function writeText(target: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length > 24) return target.write(text, at, 'latin1');
  for (let index = 0; index < length; index += 1) target[at + index] = text.charCodeAt(index);
  return length;
}
