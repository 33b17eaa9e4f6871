// Field lines of HTTP/1.1 heads and trailers (RFC 9112, section 5), strictly: what is not well formed is refused, never mended. Pure.

import { PosternError } from '../../errors.ts';
import { isFieldValue, isToken } from './http1-characters.ts';

/** Fields at most in one head or trailer. */
export const maxFields = 200;

/**
 * Reads the field lines of `text` from `from` up to `to`, each of which ends in CR LF.
 * @returns name, value, name, value; names as they came, values without the white space around them
 * @throws BAD_REQUEST, HEADERS_TOO_LARGE
 */
export function parseFields(text: string, from: number, to: number): string[] {
  const fields: string[] = [];
  for (let at = from; at < to; ) {
    // The text may go on behind `to`; a line that ends there is cut off by the CR LF that closes the head.
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    // A line that begins with white space (obs-fold) or has it before the colon has no token for a name.
    if (colon === -1 || colon > end || !isToken(text, at, colon)) throw malformed('a header line has no valid name');
    const value = valueBetween(text, colon + 1, end);
    if (fields.length === maxFields * 2) {
      throw new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
    }
    fields.push(text.slice(at, colon), value);
    at = end + 2;
  }
  return fields;
}

function valueBetween(text: string, from: number, to: number): string {
  let begin = from;
  let end = to;
  while (begin < end && isBlank(text.charCodeAt(begin))) begin += 1;
  while (end > begin && isBlank(text.charCodeAt(end - 1))) end -= 1;
  if (!isFieldValue(text, begin, end)) throw malformed('a header value holds a control byte');
  return text.slice(begin, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', what);
}
