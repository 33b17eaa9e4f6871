// The path of a request target (RFC 9112, section 3.2): decoded once, normalised once, so that all who look at it see the same. Pure.

import { PosternError } from '../../errors.ts';

/** A request target, taken apart. Byte strings. */
export interface RequestPath {
  /** Begins with "/"; percent-decoded, without "//", "." and ".."; holds no control byte. */
  readonly path: string;
  /** What follows "?", as it came; empty without one. */
  readonly query: string;
  /** False when it held "%2F", "%5C" or "\": then it names no file, though an application may have a use for it. */
  readonly mappable: boolean;
}

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const PERCENT = 0x25;

/**
 * Takes a request target in origin form apart.
 * @throws BAD_REQUEST for a control byte (also an encoded one in the path), "#", a broken "%", or ".." above the root
 */
export function parseTarget(target: string): RequestPath {
  if (target.charCodeAt(0) !== SLASH) throw bad('does not begin with "/"');
  let pathEnd = target.length;
  let isPlain = true;
  let mappable = true;
  let before = 0;
  for (let i = 0; i < target.length; i++) {
    const byte = target.charCodeAt(i);
    if (byte <= 0x20 || byte === 0x7f) throw bad('holds a control byte or a space');
    if (byte === 0x23) throw bad('holds "#"');
    if (i >= pathEnd) continue;
    if (byte === 0x3f) pathEnd = i;
    else if (byte === PERCENT || (before === SLASH && (byte === SLASH || byte === DOT))) isPlain = false;
    else if (byte === BACKSLASH) mappable = false;
    before = byte;
  }
  const raw = target.slice(0, pathEnd);
  const query = target.slice(pathEnd + 1);
  if (isPlain) return { path: raw, query, mappable };
  if (/%(?:2f|5c)/i.test(raw)) mappable = false;
  return { path: normalisePath(decodePath(raw)), query, mappable };
}

/** A decoded path as it is written in a URL: every byte that is not allowed in a path is percent-encoded. */
export function encodePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function decodePath(raw: string): string {
  if (!raw.includes('%')) return raw;
  return raw.replace(/%(..?)?/g, (_match, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9A-Fa-f]{2}$/.test(digits)) throw bad('holds a "%" without two hex digits');
    const byte = Number.parseInt(digits, 16);
    if (byte < 0x20 || byte === 0x7f) throw bad('holds an encoded control byte');
    return String.fromCharCode(byte);
  });
}

/** Resolves ".", ".." and empty segments (RFC 3986, section 5.2.4), but refuses to climb above the root. */
function normalisePath(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.pop() === undefined) throw bad('climbs above the root');
  }
  const last = segments.at(-1);
  const isFolder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

function bad(why: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request target ${why}`);
}
