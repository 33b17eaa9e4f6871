// Finds the head of an HTTP/1.1 request in bytes that come cut anywhere. Pure.

import { PosternError } from '../../errors.ts';
import { maxHeadBytes, maxTargetBytes, parseRequestHead, type RequestHead } from './http1-request-head.ts';

// Nearly every head is shorter; decoding no more than this keeps a full chunk of small requests from being decoded anew for each.
const windowBytes = 4_096;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;

/** Reads one head after another. Keeps what came of a head that is not complete. */
export class HeadReader {
  #text = '';
  #consumed = 0;

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
    const before = this.#text.length;
    let text = this.#text + chunk.toString('latin1', from, from + windowBytes);
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
    return parseRequestHead(bytes, text, startOfHead(text), end + 2);
  }
}

/** Where the CR LF CR LF begins that ends the head, of which the first `searched` bytes came earlier; -1: it has not come. */
function endOfHead(text: string, searched: number): number {
  // An empty line before the head is its sender's slip, which the specification wants overlooked (RFC 9112, 2.2).
  const from = Math.max(startOfHead(text), searched - 3);
  return text.indexOf('\r\n\r\n', from);
}

function startOfHead(text: string): number {
  return text.charCodeAt(0) === cr && text.charCodeAt(1) === lf ? 2 : 0;
}

/** Refuses at once what no further byte can mend, so that its sender need not wait for a timeout. */
function refuseEarly(text: string, searched: number): void {
  // Its first byte is none that a request could begin with.
  if (text.startsWith('\x16')) {
    throw new PosternError(
      'TLS_ON_PLAIN_PORT',
      'a TLS hello came to a port where plain HTTP is spoken: https:// was meant for http://',
    );
  }
  let before = searched === 0 ? 0 : text.charCodeAt(searched - 1);
  for (let at = searched; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const isWrong =
      code === lf ? before !== cr : before === cr || code === 0x7f || (code < 0x20 && code !== tab && code !== cr);
    if (isWrong)
      throw new PosternError(
        'BAD_REQUEST',
        'the request head holds a control byte, or a line that does not end in CR LF',
      );
    before = code;
  }
  const from = startOfHead(text);
  const lineEnd = text.indexOf('\r\n', from);
  if (text.length > maxTargetBytes + 64 && lineEnd === -1) throw tooLarge(text);
  // HTTP/0.9 has neither a version nor an empty line that ends its head: nothing more will come.
  if (lineEnd !== -1 && !/ HTTP\/\d\.\d$/.test(text.slice(Math.max(from, lineEnd - 9), lineEnd))) {
    throw new PosternError('BAD_REQUEST', 'the request line does not end in a version of HTTP');
  }
}

function tooLarge(text: string): PosternError {
  const line = text.indexOf('\r\n', startOfHead(text));
  if (line === -1 || line > maxTargetBytes + 64) {
    return new PosternError('URI_TOO_LONG', `the request line is longer than ${maxTargetBytes} bytes`);
  }
  return new PosternError('HEADERS_TOO_LARGE', `the request head is larger than ${maxHeadBytes} bytes`);
}
