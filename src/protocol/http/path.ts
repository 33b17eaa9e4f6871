// The path of a request target (RFC 9112, section 3.2): decoded once, normalised once, so that all who look at it see the same;
// and the patterns of paths that routes and other settings have. Pure.

import { PosternError } from '../../errors.ts';
import type { Pairs } from '../cgi/exchange.ts';
import { textToBytes } from '../text.ts';

/** A request target, taken apart. Byte strings. */
export interface RequestPath {
  /** Begins with "/"; percent-decoded, without "//", "." and ".."; holds no control byte. */
  readonly path: string;
  /** What follows "?", as it came; empty without one. */
  readonly query: string;
  /** How much of the path may name a file or a script: what follows held "%2F", "%5C" or "\", which only PATH_INFO may. */
  readonly nameLength: number;
  /** Its part of the environment, once it was asked for, and the target as the client sent it: see `protocol/cgi/environment.ts`. */
  asked?: { readonly target: string; readonly pairs: Pairs };
}

const forbidden = /[\x00-\x20\x7f#]/;
/** What a path holds that has to be decoded or normalised. */
const unusual = /[%\\]|\/[/.]/;

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
  if (!target.startsWith('/')) throw bad('does not begin with "/"');
  if (forbidden.test(target)) throw bad(target.includes('#') ? 'holds "#"' : 'holds a control byte or a space');
  const mark = target.indexOf('?');
  const raw = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  const isPlain = !unusual.test(raw);
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

// Patterns of paths, matched on the decoded and normalised path.
//
//   "*.php"            a component anywhere in the path ends in ".php"
//   "/cgi-bin/*"       the path is below "/cgi-bin/", or is "/cgi-bin"; "/*" takes all
//   "/uploads/*.php"   both: below "/uploads/" a component ends in ".php"
//   "composer.json"    a component anywhere in the path is that name
//   "/status"          the path is that one
//
// "{a,b}" stands for either: "*.{php,phtml}" is "*.php" and "*.phtml" (`alternatives`).

/** What a path is compared with; byte strings, a suffix in lower case, a prefix with its last slash. */
export type PathPattern =
  /** `below` is the prefix that both have; "/" where a suffix alone was given. */
  | { readonly kind: 'suffix'; readonly suffix: string; readonly below: string }
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'exact'; readonly text: string };

/** How a pattern may be written, for messages. */
export const patternHint =
  'write "*.suffix", "/prefix/*", "/prefix/*.suffix", "/exact/path" or "name"; "{a,b}" is either';

const SUFFIX = /^(\/(?:[^*]*\/)?)?\*(\.[^*/]+)$/;

/** Reads a pattern; null when it is none of the five. What other programs take for a glob's characters is refused, not taken literally. */
export function parsePattern(match: string): PathPattern | null {
  const text = textToBytes(match);
  if (/[?[\]{}\\\x00-\x1f]/.test(text)) return null;
  const [, below = '/', suffix] = SUFFIX.exec(text) ?? [];
  if (suffix !== undefined) return { kind: 'suffix', suffix: lowerAscii(suffix), below };
  if (/^\/(?:[^*]*\/)?\*$/.test(text)) return { kind: 'prefix', text: text.slice(0, -1) };
  if (/^\/[^*]*$/.test(text)) return { kind: 'exact', text };
  return /^[^*/]+$/.test(text) && text !== '.' && text !== '..' ? { kind: 'name', text } : null;
}

/** The patterns that one with "{a,b}" stands for; itself where it has none. */
export function alternatives(match: string): string[] {
  const [, before, group, after] = /^([^{}]*)\{([^{}]+)\}(.*)$/.exec(match) ?? [];
  return group === undefined ? [match] : group.split(',').flatMap((one) => alternatives(before + one + after));
}

/** Whether a pattern takes a path. */
export function isMatch(pattern: PathPattern, path: string): boolean {
  switch (pattern.kind) {
    case 'suffix':
      return path.startsWith(pattern.below) && suffixEnd(path, pattern.suffix, pattern.below.length) !== -1;
    case 'prefix': {
      const { text } = pattern;
      return path.startsWith(text) || (path.length === text.length - 1 && text.startsWith(path));
    }
    case 'name':
      return hasComponent(path, pattern.text);
    case 'exact':
      return path === pattern.text;
  }
}

/** Where the next component of the path that ends in the suffix ends, from an offset on; -1: there is none. */
export function suffixEnd(path: string, suffix: string, from: number): number {
  for (let end = componentEnd(path, from); end !== -1; end = componentEnd(path, end + 1)) {
    if (endsWithAscii(path, end, suffix)) return end;
  }
  return -1;
}

/** Whether the text up to an offset ends in one of the suffixes, which are in lower case. */
export function endsInOne(text: string, end: number, suffixes: readonly string[]): boolean {
  for (const suffix of suffixes) if (endsWithAscii(text, end, suffix)) return true;
  return false;
}

/** Where the component that begins at an offset, or contains it, ends; -1 past the end of the path. */
export function componentEnd(path: string, from: number): number {
  if (from >= path.length) return -1;
  const slash = path.indexOf('/', from);
  return slash === -1 ? path.length : slash;
}

/**
 * Whether the text that ends at an offset ends in the suffix, A to Z being a to z. Byte by byte: a lower-cased copy of the whole
 * path may differ in length, and an index into it then cuts the path elsewhere.
 * @param suffix in lower case
 */
function endsWithAscii(text: string, end: number, suffix: string): boolean {
  const start = end - suffix.length;
  if (start < 0) return false;
  for (let i = 0; i < suffix.length; i++) {
    const byte = text.charCodeAt(start + i);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if (lower !== suffix.charCodeAt(i)) return false;
  }
  return true;
}

/** A text with A to Z as a to z; as long as it was. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0x20));
}

function hasComponent(path: string, name: string): boolean {
  for (let at = path.indexOf(name); at !== -1; at = path.indexOf(name, at + 1)) {
    const end = at + name.length;
    if (path.charCodeAt(at - 1) === 0x2f && (end === path.length || path.charCodeAt(end) === 0x2f)) return true;
  }
  return false;
}
