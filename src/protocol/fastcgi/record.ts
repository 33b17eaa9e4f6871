// The FastCGI record: its header, types, roles and statuses, the bodies of the control records (FastCGI 1.0, sections 3.3, 4, 5 and 8), and how
// records are read from the bytes of a connection, incrementally and resumable at any byte. Pure.
//
//    0        1        2        3        4        5        6        7
//   +--------+--------+--------+--------+--------+--------+--------+--------+
//   | version|  type  |   request id    |  content length |padding |reserved|
//   +--------+--------+--------+--------+--------+--------+--------+--------+
//   | content (0 to 65,535 bytes)                                           |
//   | padding (0 to 255 bytes, ignored by who reads them)                   |
//   +-----------------------------------------------------------------------+
//
// Numbers are big-endian. Request id 0 is the connection itself (management records); all others are requests.

import { withDefaults } from '../../defaults.ts';
import { PosternError } from '../../errors.ts';
import type { LastView } from '../bytes.ts';
import type { Environment, Role } from '../cgi/exchange.ts';
import { decodeNameValues, type NameValueLimits } from './name-value-reader.ts';

/** The only version there is. */
export const VERSION = 1;
/** Bytes of a record's header. */
export const HEADER_BYTES = 8;
/** Content of one record at most. */
export const MAX_CONTENT_BYTES = 65_535;
/** Request id of management records. */
export const MANAGEMENT_ID = 0;

export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

/** Types whose content is a stream: cut anywhere, over any number of records, closed by an empty one. */
export type StreamType = typeof PARAMS | typeof STDIN | typeof STDOUT | typeof STDERR | typeof DATA;

/** Name of each type, by its number; for messages. */
export const typeNames: readonly string[] = [
  'type 0',
  'BEGIN_REQUEST',
  'ABORT_REQUEST',
  'END_REQUEST',
  'PARAMS',
  'STDIN',
  'STDOUT',
  'STDERR',
  'DATA',
  'GET_VALUES',
  'GET_VALUES_RESULT',
  'UNKNOWN_TYPE',
];

/** A type as text, also one that nobody knows. */
export function formatType(type: number): string {
  return typeNames[type] ?? `type ${type}`;
}

/** BEGIN_REQUEST's flag: the application leaves the connection open after the request. */
export const KEEP_CONNECTION = 1;

/** Roles in BEGIN_REQUEST. */
export const roleNumbers: Readonly<Record<Role, number>> = { responder: 1, authorizer: 2, filter: 3 };

/** The role of a number in BEGIN_REQUEST; undefined for one that is not in the specification. */
export function roleOf(number: number): Role | undefined {
  return number === 1 ? 'responder' : number === 2 ? 'authorizer' : number === 3 ? 'filter' : undefined;
}

/** END_REQUEST's protocolStatus: the request was carried out. */
export const REQUEST_COMPLETE = 0;
/** The application serves one request a connection at a time, and this was a second one. */
export const CANT_MULTIPLEX = 1;
/** The application has no room for another request. */
export const OVERLOADED = 2;
/** "ends": the application status beside OVERLOADED where the process is about to end, and begins nothing more. Our own: the specification leaves it open. */
export const ENDING = 0x656e6473;
/** The application does not play the role that was asked for. */
export const UNKNOWN_ROLE = 3;

/** What BEGIN_REQUEST says. */
export interface BeginBody {
  /** undefined: a role that is not in the specification, to be answered with UNKNOWN_ROLE. */
  readonly role: Role | undefined;
  /** Whether the connection stays open after the request. */
  readonly keepConnection: boolean;
}

/** What END_REQUEST says. */
export interface EndBody {
  /** As a program's exit status: 0 to 2^32 - 1. */
  readonly appStatus: number;
  /** 0 complete, 1 cannot multiplex, 2 overloaded, 3 unknown role. */
  readonly protocolStatus: number;
}

/** What an application can do, from its answer to GET_VALUES. undefined: it did not say. */
export interface ApplicationValues {
  /** FCGI_MAX_CONNS: connections at a time. */
  readonly maxConnections: number | undefined;
  /** FCGI_MAX_REQS: requests at a time. */
  readonly maxRequests: number | undefined;
  /** FCGI_MPXS_CONNS: whether it takes several requests on one connection at a time. */
  readonly multiplexes: boolean | undefined;
}

/** The names that the specification has for GET_VALUES. */
export const valueNames = ['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS'] as const;

/** Limits on the pairs of one GET_VALUES or its result. */
const valuesLimits: NameValueLimits = { maxBytes: 8_192, maxPairs: 100 };

/** @param body the 8 bytes of a BEGIN_REQUEST */
export function decodeBegin(body: Buffer): BeginBody {
  return { role: roleOf((body[0]! << 8) | body[1]!), keepConnection: (body[2]! & KEEP_CONNECTION) !== 0 };
}

/** @param body the 8 bytes of an END_REQUEST */
export function decodeEnd(body: Buffer): EndBody {
  return { appStatus: body.readUInt32BE(0), protocolStatus: body[4]! };
}

/** The type that the application did not know. @param body the 8 bytes of an UNKNOWN_TYPE */
export function decodeUnknownType(body: Buffer): number {
  return body[0]!;
}

/**
 * The names asked for, from the content of a GET_VALUES.
 * @throws PROTOCOL_ERROR, PARAMS_TOO_LARGE
 */
export function decodeValueNames(body: Buffer): string[] {
  return Object.keys(decodeNameValues(body, valuesLimits));
}

/**
 * What an application can do, from the content of its GET_VALUES_RESULT; values that are no numbers count as not said.
 * @throws PROTOCOL_ERROR, PARAMS_TOO_LARGE
 */
export function decodeValues(body: Buffer): ApplicationValues {
  const values = decodeNameValues(body, valuesLimits);
  const multiplexes = count(values, 'FCGI_MPXS_CONNS');
  return {
    maxConnections: count(values, 'FCGI_MAX_CONNS'),
    maxRequests: count(values, 'FCGI_MAX_REQS'),
    multiplexes: multiplexes === undefined ? undefined : multiplexes === 1,
  };
}

/** Why a request was not carried out, from END_REQUEST's protocolStatus; null where it was. */
export function refusalOf(protocolStatus: number): PosternError | null {
  switch (protocolStatus) {
    case REQUEST_COMPLETE:
      return null;
    case CANT_MULTIPLEX:
      return new PosternError('CANT_MULTIPLEX', 'the application takes one request a connection at a time');
    case OVERLOADED:
      return new PosternError('OVERLOADED', 'the application has no room for another request');
    case UNKNOWN_ROLE:
      return new PosternError('UNKNOWN_ROLE', 'the application does not play the role that was asked for');
    default:
      return new PosternError(
        'PROTOCOL_ERROR',
        `END_REQUEST has protocol status ${protocolStatus}, which nobody knows`,
      );
  }
}

function count(values: Environment, name: string): number | undefined {
  const text = values[name];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Takes the records of one connection. Bytes are only lent: they are valid until the call returns. What it throws comes out of `push`. */
export interface RecordHandler {
  /** Some content of a stream record (PARAMS, STDIN, STDOUT, STDERR, DATA), never empty; a record may come in many pieces. */
  content(type: StreamType, id: number, chunk: Buffer): void;
  /** The empty record that closes a stream. */
  closed(type: StreamType, id: number): void;
  /**
   * A whole record of another type: BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE,
   * or one that is not in the specification, whose content was skipped (`body` is empty).
   */
  control(type: number, id: number, body: Buffer): void;
}

/** What a peer may make a reader store. */
export interface RecordReaderLimits {
  /** Content of one GET_VALUES or GET_VALUES_RESULT record, in bytes. @default 8192 */
  readonly maxValuesBytes: number;
}

/** The limits where nothing is said. */
export const defaultReaderLimits: RecordReaderLimits = { maxValuesBytes: 8_192 };

/** How the content of the record that is being read is treated. */
type Kind = 'stream' | 'gathered' | 'skipped';

const NO_BYTES = Buffer.alloc(0);
/** Body of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE. */
const FIXED_BODY_BYTES = 8;

/** Reads records. It checks what is true of a record by itself; their order is for the handler to judge. */
export class RecordReader {
  readonly #handler: RecordHandler;
  readonly #limits: RecordReaderLimits;
  readonly #views: LastView | null;
  /** The header that came in pieces, and how much of it is there. */
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerLength = 0;
  readonly #fixedBody: Buffer = Buffer.alloc(FIXED_BODY_BYTES);
  #type = 0;
  #id = 0;
  #kind: Kind = 'stream';
  #contentLeft = 0;
  #paddingLeft = 0;
  /** Content of a control record that came in pieces; grows with what came, never by what a header claims. */
  #gathered: Buffer = NO_BYTES;
  #gatheredLength = 0;
  #isStopped = false;

  /** @param views where the chunks are views of a buffer that is read into again and again; null: nothing of them is kept */
  constructor(handler: RecordHandler, limits: Partial<RecordReaderLimits> = {}, views: LastView | null = null) {
    this.#handler = handler;
    this.#limits = withDefaults(defaultReaderLimits, limits);
    this.#views = views;
  }

  /** Whether the bytes so far end between two records: what a peer that closes should have reached. */
  get isBetweenRecords(): boolean {
    return this.#headerLength === 0 && this.#contentLeft === 0 && this.#paddingLeft === 0;
  }

  /** Ignores everything from now on, also the rest of the chunk that is being read. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Reads the next bytes and calls the handler for what is in them.
   * @throws PROTOCOL_ERROR for what is no FastCGI record; the connection cannot be used any more.
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isStopped) {
      if (this.#contentLeft > 0) at = this.#content(chunk, at);
      else if (this.#paddingLeft > 0) at = this.#padding(chunk, at);
      else at = this.#readHeader(chunk, at);
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    if (this.#headerLength === 0 && chunk.length - at >= HEADER_BYTES) {
      this.#begin(chunk, at);
      return at + HEADER_BYTES;
    }
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#headerLength);
    chunk.copy(this.#header, this.#headerLength, at, end);
    this.#headerLength += end - at;
    if (this.#headerLength === HEADER_BYTES) {
      this.#headerLength = 0;
      this.#begin(this.#header, 0);
    }
    return end;
  }

  /** Takes the header at `at`, and closes the record at once when it has no content. */
  #begin(bytes: Buffer, at: number): void {
    const version = bytes[at]!;
    if (version !== VERSION) throw protocolError(`a record begins with version ${version} where 1 is the only one`);
    const length = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    this.#type = bytes[at + 1]!;
    this.#id = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    this.#paddingLeft = bytes[at + 6]!;
    this.#kind = this.#check(length);
    this.#contentLeft = length;
    if (length > 0) return;
    if (this.#kind === 'stream') this.#handler.closed(this.#type as StreamType, this.#id);
    else this.#handler.control(this.#type, this.#id, NO_BYTES);
  }

  /** Judges type, id and length together, before a byte of content is looked at. */
  #check(length: number): Kind {
    const type = this.#type;
    const isManagement = type >= GET_VALUES && type <= UNKNOWN_TYPE;
    if (type < BEGIN_REQUEST || type > UNKNOWN_TYPE) return 'skipped';
    if (isManagement !== (this.#id === MANAGEMENT_ID)) {
      throw protocolError(`${formatType(type)} came with request id ${this.#id}`);
    }
    if ((type >= PARAMS && type <= STDERR) || type === DATA) return 'stream';
    if (type === GET_VALUES || type === GET_VALUES_RESULT) {
      if (length <= this.#limits.maxValuesBytes) return 'gathered';
      throw protocolError(`${formatType(type)} of ${length} bytes is larger than ${this.#limits.maxValuesBytes}`);
    }
    const wanted = type === BEGIN_REQUEST || type === END_REQUEST || type === UNKNOWN_TYPE ? FIXED_BODY_BYTES : 0;
    if (length !== wanted)
      throw protocolError(`${formatType(type)} has ${length} bytes of content instead of ${wanted}`);
    return 'gathered';
  }

  #content(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#contentLeft);
    this.#contentLeft -= end - at;
    if (this.#kind === 'stream') {
      this.#handler.content(
        this.#type as StreamType,
        this.#id,
        this.#views?.of(chunk, at, end) ?? lend(chunk, at, end),
      );
    } else if (this.#kind === 'skipped') {
      if (this.#contentLeft === 0) this.#handler.control(this.#type, this.#id, NO_BYTES);
    } else if (this.#gatheredLength === 0 && this.#contentLeft === 0) {
      this.#handler.control(this.#type, this.#id, this.#lend(chunk, at, end));
    } else {
      this.#gather(chunk, at, end);
    }
    return end;
  }

  /** A body of 8 bytes is copied: to make a view of it takes longer. */
  #lend(chunk: Buffer, at: number, end: number): Buffer {
    if (end - at !== FIXED_BODY_BYTES) return chunk.subarray(at, end);
    const body = this.#fixedBody;
    for (let index = 0; index < FIXED_BODY_BYTES; index += 1) body[index] = chunk[at + index]!;
    return body;
  }

  #gather(chunk: Buffer, at: number, end: number): void {
    const length = this.#gatheredLength + end - at;
    if (length > this.#gathered.length) {
      const larger = Buffer.alloc(Math.max(64, 2 * length));
      this.#gathered.copy(larger, 0, 0, this.#gatheredLength);
      this.#gathered = larger;
    }
    chunk.copy(this.#gathered, this.#gatheredLength, at, end);
    this.#gatheredLength = length;
    if (this.#contentLeft > 0) return;
    this.#gatheredLength = 0;
    this.#handler.control(this.#type, this.#id, this.#gathered.subarray(0, length));
  }

  #padding(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#paddingLeft);
    this.#paddingLeft -= end - at;
    return end;
  }
}

function lend(chunk: Buffer, at: number, end: number): Buffer {
  return at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
}

function protocolError(what: string): PosternError {
  return new PosternError('PROTOCOL_ERROR', `${what}: the peer does not speak FastCGI 1.0, or its stream was damaged`);
}
