// The path of a request target (RFC 9112, section 3.2): decoded once, normalised once, so that all who look at it see the same. Pure.

import { PosternError } from '../../errors.ts';

/** A request target, taken apart. Byte strings. */
export interface RequestPath {
  /** Begins with "/"; percent-decoded, without "//", "." and ".."; holds no control byte. */
  readonly path: string;
  /** What follows "?", as it came; empty without one. */
  readonly query: string;
  /** How much of the path may name a file or a script: what follows held "%2F", "%5C" or "\", which only PATH_INFO may. */
  readonly nameLength: number;
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
  return split(target, false);
}

/** As `parseTarget`, for the target of a redirect inside the server: ".." above the root stays there, as a client would resolve it. */
export function parseLocalTarget(target: string): RequestPath {
  return split(target, true);
}

function split(target: string, mayClimb: boolean): RequestPath {
  if (target.charCodeAt(0) !== SLASH) throw bad('does not begin with "/"');
  let pathEnd = target.length;
  let isPlain = true;
  let before = 0;
  for (let i = 0; i < target.length; i++) {
    const byte = target.charCodeAt(i);
    if (byte <= 0x20 || byte === 0x7f) throw bad('holds a control byte or a space');
    if (byte === 0x23) throw bad('holds "#"');
    if (i >= pathEnd) continue;
    if (byte === 0x3f) pathEnd = i;
    else if (byte === PERCENT || byte === BACKSLASH) isPlain = false;
    else if (before === SLASH && (byte === SLASH || byte === DOT)) isPlain = false;
    before = byte;
  }
  const raw = target.slice(0, pathEnd);
  const query = target.slice(pathEnd + 1);
  if (isPlain) return { path: raw, query, nameLength: raw.length };
  return { ...normalise(raw, mayClimb), query };
}

/** A decoded path as it is written in a URL: every byte that is not allowed in a path is percent-encoded. */
export function encodePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function decode(raw: string): string {
  if (!raw.includes('%')) return raw;
  return raw.replace(/%(..?)?/g, (_match, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9A-Fa-f]{2}$/.test(digits)) throw bad('holds a "%" without two hex digits');
    const byte = Number.parseInt(digits, 16);
    if (byte < 0x20 || byte === 0x7f) throw bad('holds an encoded control byte');
    return String.fromCharCode(byte);
  });
}

/**
 * Decodes, then resolves ".", ".." and empty segments (RFC 3986, section 5.2.4). A segment that held an encoded slash or a backslash, and all
 * that follows it, names no file; neither does what ".." leads back to from there.
 */
function normalise(raw: string, mayClimb: boolean): Omit<RequestPath, 'query'> {
  const kept: string[] = [];
  /** So many of those that are kept may name a file. */
  let named = Number.POSITIVE_INFINITY;
  let last = '';
  for (const segment of raw.slice(1).split('/')) {
    const decoded = decode(segment);
    if (decoded.includes('/') || decoded.includes('\\')) named = Math.min(named, kept.length);
    for (const part of decoded.split('/')) {
      last = part;
      if (part === '' || part === '.') continue;
      if (part !== '..') kept.push(part);
      else if (kept.pop() === undefined && !mayClimb) throw bad('climbs above the root');
      if (named !== Number.POSITIVE_INFINITY) named = Math.min(named, kept.length);
    }
  }
  const isFolder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  const path = `/${kept.join('/')}${isFolder ? '/' : ''}`;
  if (named > kept.length) return { path, nameLength: path.length };
  return { path, nameLength: named === 0 ? 0 : kept.slice(0, named).join('/').length + 1 };
}

function bad(why: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request target ${why}`);
}
