// Where a rule sends a request: a target with "$1", "$name" and "${host}" in it, and what becomes of it for one request. Pure.
//
// 1. What a part stands for is a decoded path: in a path it is encoded for a path, behind "?" for a query, so that it can become nothing else.
// 2. A target without "?" keeps the query of the request; one with "?" has its own, into which $query puts that of the request.
// 3. A target that ends in "?" has none.
// 4. A target that begins with one "/" stays on this site, whatever a part holds.

import { PosternError } from '../errors.ts';
import { encodePath, parseLocalTarget, type RequestPath } from '../protocol/http/path.ts';
import { textToBytes } from '../protocol/text.ts';
import type { Parts } from './rule-match.ts';

/** A target that was read. */
export interface TargetTemplate {
  /** As it was written. */
  readonly text: string;
  readonly path: readonly Piece[];
  /** null: that of the request. */
  readonly query: readonly Piece[] | null;
}

/** A byte string, or what a name stands for. */
type Piece = string | { readonly name: string };

/** What can be known of a request. Byte strings. */
export interface TargetFacts {
  readonly target: RequestPath;
  readonly parts: Parts;
  /** Of the request, with its port. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
}

/** What every target may refer to; nginx's names are known too. */
const facts: Readonly<Record<string, (facts: TargetFacts) => string>> = {
  path: ({ target }) => target.path,
  uri: ({ target }) => target.path,
  query: ({ target }) => target.query,
  args: ({ target }) => target.query,
  host: ({ host }) => host,
  scheme: ({ scheme }) => scheme,
};
/** What is put in as it is. */
const raw = new Set(['query', 'args', 'host', 'scheme']);

/**
 * Reads a target.
 * @param parts names of what it may refer to besides `$path`, `$query`, `$host` and `$scheme`
 * @throws CONFIG_INVALID
 */
export function parseTemplate(text: string, parts: readonly string[]): TargetTemplate {
  if (/[\x00-\x20\x7f]/.test(text)) throw refused(text, 'it holds a space or a control byte');
  const at = text.indexOf('?');
  const path = piecesOf(at === -1 ? text : text.slice(0, at));
  const query = at === -1 ? null : piecesOf(text.slice(at + 1));
  for (const piece of [...path, ...(query ?? [])]) {
    if (typeof piece === 'string' || piece.name in facts || parts.includes(piece.name)) continue;
    const known = [...parts, 'path', 'query', 'host', 'scheme'].map((name) => `$${name}`).join(', ');
    throw refused(text, `there is no $${piece.name}: there are ${known}`);
  }
  return { text, path, query };
}

/** Where a client is sent to: the value of Location. */
export function redirectTo(template: TargetTemplate, given: TargetFacts): string {
  let path = '';
  for (const piece of template.path)
    path += typeof piece === 'string' ? encodeLiteral(piece) : inPath(piece.name, given);
  if (/^\/[^/]/.test(template.text) || template.text.startsWith('/$')) path = `/${path.replace(/^\/+/, '')}`;
  // A fragment is the last thing of a URL, and is not sent to anybody.
  const [, before = path, fragment = ''] = /^([^#]*)(#.*)?$/s.exec(path) ?? [];
  const query = queryFor(template, given);
  return `${before}${query === '' ? '' : `?${query}`}${fragment}`;
}

/**
 * What the request's target becomes inside.
 * @throws BAD_REQUEST for a path that cannot be
 */
export function rewriteTo(template: TargetTemplate, given: TargetFacts): RequestPath {
  const { target } = given;
  let path = '';
  // What held an encoded slash names no file, wherever it is put.
  let nameLength = target.nameLength < target.path.length ? Number.NaN : Number.POSITIVE_INFINITY;
  for (const piece of template.path) {
    if (typeof piece !== 'string' && Number.isNaN(nameLength)) nameLength = path.length;
    path += typeof piece === 'string' ? piece : standsFor(piece.name, given);
  }
  const parsed = parseLocalTarget(`/${encodePath(path.replace(/^\/+/, ''))}`);
  const query = queryFor(template, given);
  const most = Number.isNaN(nameLength) ? parsed.nameLength : Math.min(parsed.nameLength, nameLength);
  return { path: parsed.path, query, nameLength: most };
}

function queryFor({ query }: TargetTemplate, given: TargetFacts): string {
  if (query === null) return given.target.query;
  let text = '';
  for (const piece of query) text += typeof piece === 'string' ? encodeLiteral(piece) : inQuery(piece.name, given);
  return text.replace(/&+$/, '');
}

function standsFor(name: string, given: TargetFacts): string {
  return given.parts[name] ?? facts[name]?.(given) ?? '';
}

function inPath(name: string, given: TargetFacts): string {
  const value = standsFor(name, given);
  return isRaw(name, given) ? value : encodePath(value);
}

function inQuery(name: string, given: TargetFacts): string {
  const value = standsFor(name, given);
  // A slash means nothing in a query, and people read it.
  return isRaw(name, given) ? value : encodePath(value).replace(/[&=+;]/g, percent);
}

/** A part of the pattern may have such a name too. */
function isRaw(name: string, { parts }: TargetFacts): boolean {
  return raw.has(name) && parts[name] === undefined;
}

/** As it was written, but for bytes that a URL cannot hold. */
function encodeLiteral(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, percent);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  for (const one of text.match(/\$\$|\$\{\w+\}|\$\w+|\$|[^$]+/g) ?? []) {
    if (one === '$$' || one === '$') pieces.push('$');
    else if (one.startsWith('$')) pieces.push({ name: one.replace(/[${}]/g, '') });
    else pieces.push(textToBytes(one));
  }
  return pieces;
}

function refused(text: string, why: string): PosternError {
  return new PosternError('CONFIG_INVALID', `"${text}" is no target: ${why}`);
}
