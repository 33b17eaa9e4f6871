// Field lines of HTTP/1.1 heads and trailers (RFC 9112, section 5), and which bytes may stand where in them (RFC 9110, 5.6.2 and 5.5;
// RFC 9112, 3.2), strictly: what is not well formed is refused, never mended. Pure.

import { PosternError } from '../../errors.ts';

/** Fields at most in one head or trailer. */
const maxFields = 200;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;

const tokenBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

// HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5): everything but the other control bytes.
const valueBytes = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

// Wider than RFC 3986: browsers and links in the wild send "{" and "|" as they are, and some clients a path as bytes of UTF-8. Never a
// control byte, a space, or "#": what follows it never belongs to a request.
const targetBytes = tableOf((code) => code > 0x20 && code !== 0x7f && code !== 0x23);

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

/** Where the run of token bytes ends that begins at `from`. */
export function endOfToken(bytes: Uint8Array, from: number): number {
  return endOfRun(tokenBytes, bytes, from);
}

/** Where the run of bytes ends that a field value may hold, white space too. */
export function endOfValue(bytes: Uint8Array, from: number): number {
  return endOfRun(valueBytes, bytes, from);
}

/** Where the run of bytes ends that a request target may hold. */
export function endOfTarget(bytes: Uint8Array, from: number): number {
  return endOfRun(targetBytes, bytes, from);
}

// Over bytes, not over the string: on strings `charCodeAt` costs twice as much, and this is most of a head's reading.
function endOfRun(table: Uint8Array, bytes: Uint8Array, from: number): number {
  let at = from;
  while (table[bytes[at]!] === 1) at += 1;
  return at;
}

function tableOf(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0));
}
