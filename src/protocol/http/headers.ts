// Header fields: lists of them (name, value, name, value; RFC 9110, section 5), and how they are read from the bytes of HTTP/1.1 (RFC 9112,
// section 5; strictly: what is not well formed is refused, never mended). Pure.

import { PosternError } from '../../errors.ts';
import { endOfToken, endOfValue } from '../bytes.ts';
import { usualName } from './usual-names.ts';

/** Fields at most in one head or trailer. */
export const maxFields = 200;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;

/** A token as a whole (RFC 9110, 5.6.2). */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The value of the first field of that name, or undefined. @param name in lower case */
export function fieldValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) return headers[i + 1];
  }
  return undefined;
}

/** The values of all fields of that name, in order. @param name in lower case */
export function fieldValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) values.push(headers[i + 1]!);
  }
  return values;
}

/** Whether there is no more than one field of that name. @param name in lower case */
export function hasOne(headers: readonly string[], name: string): boolean {
  let count = 0;
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i]!, name)) count += 1;
  return count <= 1;
}

/** What the fields take on the wire, in bytes: name, colon, space, value, CRLF. */
export function fieldsBytes(headers: readonly string[]): number {
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) bytes += headers[i]!.length + headers[i + 1]!.length + 4;
  return bytes;
}

/** Whether a field's name is that name, in any ASCII case. @param wanted in lower case */
export function isNamed(name: string, wanted: string): boolean {
  if (name.length !== wanted.length) return false;
  if (name === wanted) return true;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    const lower = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    if (lower !== wanted.charCodeAt(at)) return false;
  }
  return true;
}

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
    if (nameEnd === at || bytes[nameEnd] !== colon) throw malformedField('a header line has no valid name');
    let begin = nameEnd + 1;
    while (isBlank(bytes[begin])) begin += 1;
    const lineEnd = endOfValue(bytes, begin);
    if (bytes[lineEnd] !== cr || bytes[lineEnd + 1] !== lf) throw malformedField('a header value holds a control byte');
    let end = lineEnd;
    while (end > begin && isBlank(bytes[end - 1])) end -= 1;
    if (fields.length === maxFields * 2) {
      throw new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
    }
    fields.push(usualName(bytes, at, nameEnd) ?? text.slice(at, nameEnd), text.slice(begin, end));
    at = lineEnd + 2;
  }
  return fields;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}

function malformedField(what: string): PosternError {
  return new PosternError('BAD_REQUEST', what);
}
