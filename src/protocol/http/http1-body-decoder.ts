// Takes the framing off the body of an HTTP/1.1 request (RFC 9112, sections 6 and 7.1), cut anywhere. Pure.
//
//   chunked:  line -> data -> dataEnd -> line ... -> line "0" -> trailer -> done
//   length:   data -> done

import { PosternError } from '../../errors.ts';
import { fieldValue, parseFields } from './headers.ts';

/** Longest chunk-size line with its extensions, and all trailer fields together, in bytes. */
const maxChunkLineBytes = 256;
const maxTrailerBytes = 8_192;

// Bytes that extensions may cost above one line in a body: else a body of one-byte chunks is mostly lines (CVE-2023-39326).
const maxExtensionBytes = 16_384;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
// White space around ";" and "=" is bad, and taken (RFC 9112, 7.1.1).
const sizeLine = new RegExp(
  `^([0-9A-Fa-f]{1,16})((?:[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quoted}))?)*)\\r$`,
);

/** Decodes one body. */
export class BodyDecoder {
  readonly #isChunked: boolean;
  #state: 'line' | 'data' | 'dataEnd' | 'trailer' | 'done';
  /** Bytes of the present run of data that are still to come. */
  #remaining: number;
  /** What came of a line, or of the trailer. */
  #text = '';
  #extensionBytes = 0;

  /** @param contentLength null: the body is chunked */
  constructor(contentLength: number | null) {
    this.#isChunked = contentLength === null;
    this.#remaining = contentLength ?? 0;
    this.#state = this.#isChunked ? 'line' : contentLength === 0 ? 'done' : 'data';
  }

  /** Whether the whole body was taken. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /**
   * Takes the bytes of `chunk` from `from` on, and gives those of the body to `take`; they are views of `chunk`.
   * @returns where the body's bytes end in `chunk`: its length, or where the next request begins
   * @throws BAD_REQUEST
   */
  decode(chunk: Buffer, from: number, take: (data: Buffer) => void): number {
    let at = from;
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') at = this.#takeData(chunk, at, take);
      else at = this.#takeLine(chunk, at);
    }
    return at;
  }

  #takeData(chunk: Buffer, from: number, take: (data: Buffer) => void): number {
    const to = Math.min(chunk.length, from + this.#remaining);
    this.#remaining -= to - from;
    if (this.#remaining === 0) this.#state = this.#isChunked ? 'dataEnd' : 'done';
    take(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
    return to;
  }

  /** Takes up to the next LF, and acts on the line if it is complete. */
  #takeLine(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(0x0a, from);
    const to = lf === -1 ? chunk.length : lf + 1;
    const limit = this.#state === 'trailer' ? maxTrailerBytes : maxChunkLineBytes;
    if (this.#text.length + to - from > limit)
      throw malformed(`a chunk's line, or the trailer, is longer than ${limit} bytes`);
    this.#text += chunk.toString('latin1', from, to);
    if (lf !== -1) this.#endLine();
    return to;
  }

  #endLine(): void {
    if (this.#state === 'trailer') {
      this.#endTrailerLine();
      return;
    }
    const line = this.#text.slice(0, -1);
    this.#text = '';
    if (this.#state === 'line') this.#beginChunk(line);
    else if (line === '\r') this.#state = 'line';
    else throw malformed('a chunk is longer than it said');
  }

  #beginChunk(line: string): void {
    const parts = sizeLine.exec(line);
    const size = Number.parseInt(parts?.[1] ?? '', 16);
    if (!parts || size > Number.MAX_SAFE_INTEGER) throw malformed('a chunk does not begin with its size');
    this.#extensionBytes += parts[2]!.length;
    if (this.#extensionBytes > maxExtensionBytes)
      throw malformed(`chunk extensions take more than ${maxExtensionBytes} bytes`);
    this.#remaining = size;
    this.#state = size === 0 ? 'trailer' : 'data';
  }

  /** Trailer fields are checked and dropped: one that was taken for a header could say what the front has decided already. */
  #endTrailerLine(): void {
    if (this.#text !== '\r\n' && !this.#text.endsWith('\r\n\r\n')) {
      if (this.#text.endsWith('\r\n')) return;
      throw malformed('a trailer line does not end in CR LF');
    }
    const fields = parseFields(Buffer.from(this.#text, 'latin1'), this.#text, 0, this.#text.length - 2);
    if (fieldValue(fields, 'content-length') !== undefined || fieldValue(fields, 'transfer-encoding') !== undefined) {
      throw malformed('a trailer field speaks of framing');
    }
    this.#text = '';
    this.#state = 'done';
  }
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request body is malformed: ${what}`);
}
