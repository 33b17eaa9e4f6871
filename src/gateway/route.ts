// Which route takes a path: the site's routes, compiled once, matched on the decoded and normalised path. Pure.

import { PosternError } from '../errors.ts';
import { textToBytes } from './bytes.ts';
import type { Route } from './site.ts';

/** A compiled route. */
export interface CompiledRoute {
  readonly route: Route;
  readonly pattern: Pattern;
}

/** What a path is compared with; byte strings, a suffix in lower case, a prefix with its last slash. */
type Pattern =
  | { readonly kind: 'suffix'; readonly text: string }
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'exact'; readonly text: string };

/** @throws CONFIG_INVALID for a pattern that is none of the three, and for a mount with a suffix */
export function compileRoutes(routes: readonly Route[]): readonly CompiledRoute[] {
  return routes.map((route) => {
    const pattern = parsePattern(route.match);
    if (pattern === null) {
      throw new PosternError(
        'CONFIG_INVALID',
        `"${route.match}" matches nothing: write "*.suffix", "/prefix/*" or "/exact/path"`,
      );
    }
    if (route.kind === 'mount' && pattern.kind === 'suffix') {
      throw new PosternError('CONFIG_INVALID', `route "${route.match}" cannot mount an application: write "/path/*"`);
    }
    return { route, pattern };
  });
}

/** Reads a route's match; null when it is neither a suffix, a prefix nor an exact path. */
export function parsePattern(match: string): Pattern | null {
  const text = textToBytes(match);
  if (/^\*\.[^*/]+$/.test(text)) return { kind: 'suffix', text: lowerAscii(text.slice(1)) };
  if (/^\/(?:[^*]*\/)?\*$/.test(text)) return { kind: 'prefix', text: text.slice(0, -1) };
  return /^\/[^*]*$/.test(text) ? { kind: 'exact', text } : null;
}

/** The first route that takes the path, or null. */
export function matchRoute(routes: readonly CompiledRoute[], path: string): CompiledRoute | null {
  for (const compiled of routes) {
    if (isMatch(compiled.pattern, path)) return compiled;
  }
  return null;
}

/** Where the next component of the path that ends in the suffix ends, from an offset on; -1: there is none. */
export function suffixEnd(path: string, suffix: string, from: number): number {
  for (let end = componentEnd(path, from); end !== -1; end = componentEnd(path, end + 1)) {
    if (endsWithAscii(path, end, suffix)) return end;
  }
  return -1;
}

/** Where the component that begins at an offset, or contains it, ends; -1 past the end of the path. */
export function componentEnd(path: string, from: number): number {
  if (from >= path.length) return -1;
  const slash = path.indexOf('/', from);
  return slash === -1 ? path.length : slash;
}

function isMatch(pattern: Pattern, path: string): boolean {
  switch (pattern.kind) {
    case 'suffix':
      return suffixEnd(path, pattern.text, 1) !== -1;
    case 'prefix':
      return (
        path.startsWith(pattern.text) || (path.length === pattern.text.length - 1 && pattern.text.startsWith(path))
      );
    case 'exact':
      return path === pattern.text;
  }
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

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0x20));
}
