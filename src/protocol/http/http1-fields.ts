// Field lines of HTTP/1.1 heads and trailers (RFC 9112, section 5), strictly: what is not well formed is refused, never mended. Pure.

import { PosternError } from '../../errors.ts';
import { endOfToken, endOfValue } from './http1-characters.ts';

/** Fields at most in one head or trailer. */
const maxFields = 200;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;

/**
 * Reads the field lines of `bytes` from `from` up to `to`, each of which ends in CR LF.
 * @param text the same bytes as a byte string, of which names and values are cut
 * @returns name, value, name, value; names as they came, values without the white space around them
 * @throws BAD_REQUEST, HEADERS_TOO_LARGE
 */
export function parseFields(bytes: Uint8Array, text: string, from: number, to: number): string[] {
  const fields: string[] = [];
  for (let at = from; at < to; ) {
    // A line that begins with white space (obs-fold), or has it before the colon, has no token for a name.
    const nameEnd = endOfToken(bytes, at);
    if (nameEnd === at || bytes[nameEnd] !== colon) throw malformed('a header line has no valid name');
    let begin = nameEnd + 1;
    while (isBlank(bytes[begin])) begin += 1;
    const lineEnd = endOfValue(bytes, begin);
    if (bytes[lineEnd] !== cr || bytes[lineEnd + 1] !== lf) throw malformed('a header value holds a control byte');
    let end = lineEnd;
    while (end > begin && isBlank(bytes[end - 1])) end -= 1;
    if (fields.length === maxFields * 2) {
      throw new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
    }
    fields.push(text.slice(at, nameEnd), text.slice(begin, end));
    at = lineEnd + 2;
  }
  return fields;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', what);
}
