// Bytes of a connection -> FastCGI records, incrementally and resumable at any byte (FastCGI 1.0, section 3.3). Pure.

import { withDefaults } from '../../defaults.ts';
import { PosternError } from '../../errors.ts';
import {
  BEGIN_REQUEST,
  DATA,
  END_REQUEST,
  formatType,
  GET_VALUES,
  GET_VALUES_RESULT,
  HEADER_BYTES,
  MANAGEMENT_ID,
  PARAMS,
  STDERR,
  type StreamType,
  UNKNOWN_TYPE,
  VERSION,
} from './record.ts';

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
  /** The header that came in pieces, and how much of it is there. */
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerLength = 0;
  #type = 0;
  #id = 0;
  #kind: Kind = 'stream';
  #contentLeft = 0;
  #paddingLeft = 0;
  /** Content of a control record that came in pieces; grows with what came, never by what a header claims. */
  #gathered: Buffer = NO_BYTES;
  #gatheredLength = 0;
  #isStopped = false;

  constructor(handler: RecordHandler, limits: Partial<RecordReaderLimits> = {}) {
    this.#handler = handler;
    this.#limits = withDefaults(defaultReaderLimits, limits);
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
      this.#handler.content(this.#type as StreamType, this.#id, lend(chunk, at, end));
    } else if (this.#kind === 'skipped') {
      if (this.#contentLeft === 0) this.#handler.control(this.#type, this.#id, NO_BYTES);
    } else if (this.#gatheredLength === 0 && this.#contentLeft === 0) {
      this.#handler.control(this.#type, this.#id, chunk.subarray(at, end));
    } else {
      this.#gather(chunk, at, end);
    }
    return end;
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
