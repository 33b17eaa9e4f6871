// Which requests a rule takes: patterns of paths, as routes have them and with more stars and named parts, or a regular expression. Pure.
//
//   "/a/*"             all below, and "/a" itself; $1 is the rest
//   "*.css"            a component ends so; $1 is what stands ahead of it
//   "/a/*/b"           a star in the middle is one component, or a part of one; $1, $2 ...
//   "/user/{id}/*"     a part with a name: $id
//   "*.{css,js}"       either
//
// A regular expression is RE2's: it takes a time that grows with the path's length, and never for ever.

import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { PosternError } from '../errors.ts';
import {
  alternatives,
  componentEnd,
  isMatch,
  lowerAscii,
  type PathPattern,
  parsePattern,
  suffixEnd,
} from '../protocol/http/path.ts';
import { bytesToText, isAscii, textToBytes } from '../protocol/text.ts';

const load = createRequire(import.meta.url);

/** One component of a glob: what it begins and ends with; `part`: what is between is any text without "/". */
interface GlobComponent {
  readonly before: string;
  readonly after: string;
  readonly part: boolean;
  /** Of the part; null: it has a number alone. */
  readonly name: string | null;
}

/** A pattern with stars or names in the middle. */
interface Glob {
  readonly kind: 'glob';
  readonly components: readonly GlobComponent[];
  /** Whether it ends in "/*": more components may follow. */
  readonly hasRest: boolean;
}

interface Regex {
  readonly kind: 'regex';
  readonly regex: RE2JS;
}

/** Several suffixes of one dot below one prefix: looked up, not tried one after another. */
interface Suffixes {
  readonly kind: 'suffixes';
  readonly below: string;
  /** In lower case, each with its dot. */
  readonly suffixes: ReadonlySet<string>;
}

type RulePattern = PathPattern | Suffixes | Glob | Regex;

/** What a rule takes. */
export interface RuleMatch {
  /** As it was written, for people. */
  readonly shown: string;
  readonly patterns: readonly RulePattern[];
  /** null: all. */
  readonly methods: ReadonlySet<string> | null;
  /** Names and numbers of what its targets may refer to. */
  readonly parts: readonly string[];
}

/** What a pattern's stars and names stand for, by number and name; byte strings. */
export type Parts = Readonly<Record<string, string>>;

/** How a pattern may be written, for messages. */
export const rulePatternHint =
  'write "/exact/path", "/prefix/*", "*.suffix", "/a/*/b", "/user/{id}" or "name"; "{a,b}" is either; for more there is regex';

/** A longer path is not held against a regular expression: its time grows with it. */
export const MAX_REGEX_PATH = 8_192;

/** @throws CONFIG_INVALID for a pattern that cannot be read */
export function parseRuleMatch(
  match: readonly string[],
  regex: string | null,
  methods: readonly string[] | null,
): RuleMatch {
  const patterns = regex === null ? match.flatMap((one) => either(one).map(parseOne)) : [parseRegex(regex)];
  const all = regex === null ? match.flatMap(either).map(partsOf) : [partsOfRegex(regex)];
  return {
    shown: regex === null ? match.join(' ') : `regex ${regex}`,
    patterns: gathered(patterns),
    methods: methods === null ? null : new Set(methods),
    // What only some of them have cannot be counted on.
    parts: (all[0] ?? []).filter((name) => all.every((names) => names.includes(name))),
  };
}

/** Whether a rule takes a request. */
export function takes({ patterns, methods }: RuleMatch, method: string, path: string): boolean {
  if (methods !== null && !methods.has(method)) return false;
  for (const pattern of patterns) if (isTaken(pattern, path)) return true;
  return false;
}

/** What the parts of the pattern stand for that takes the path. */
export function partsFor({ patterns }: RuleMatch, path: string): Parts {
  for (const pattern of patterns) {
    if (isTaken(pattern, path)) return partsIn(pattern, path);
  }
  return {};
}

function isTaken(pattern: RulePattern, path: string): boolean {
  switch (pattern.kind) {
    case 'regex':
      return pattern.regex.test(readable(path));
    case 'glob':
      return globParts(pattern, path) !== null;
    case 'suffixes':
      return path.startsWith(pattern.below) && suffixIn(pattern, path) !== null;
    default:
      return isMatch(pattern, path);
  }
}

function partsIn(pattern: RulePattern, path: string): Parts {
  switch (pattern.kind) {
    case 'prefix':
      return { 1: path.slice(pattern.text.length) };
    case 'suffix': {
      const end = suffixEnd(path, pattern.suffix, pattern.below.length);
      return { 1: path.slice(pattern.below.length, end - pattern.suffix.length) };
    }
    case 'suffixes': {
      const { end = 0, suffix = '' } = suffixIn(pattern, path) ?? {};
      return { 1: path.slice(pattern.below.length, end - suffix.length) };
    }
    case 'glob': {
      const names = pattern.components.filter(({ part }) => part).map(({ name }) => name);
      const parts = globParts(pattern, path) ?? [];
      return Object.fromEntries(
        parts.flatMap((part, i) => [String(i + 1), names[i] ?? String(i + 1)].map((name) => [name, part] as const)),
      );
    }
    case 'regex':
      return regexParts(pattern.regex, path);
    default:
      return {};
  }
}

// Suffixes.

/** The first component that ends in one of them. */
function suffixIn(
  { below, suffixes }: Suffixes,
  path: string,
): { readonly end: number; readonly suffix: string } | null {
  for (let end = componentEnd(path, below.length); end !== -1; end = componentEnd(path, end + 1)) {
    const dot = path.lastIndexOf('.', end - 1);
    // A dot of another component gives a text that is no suffix.
    if (dot < below.length) continue;
    const suffix = path.slice(dot, end);
    if (suffixes.has(suffix) || suffixes.has(lowerAscii(suffix))) return { end, suffix };
  }
  return null;
}

/** The same patterns, with those put together that can be looked up. */
function gathered(patterns: readonly RulePattern[]): RulePattern[] {
  const kept: RulePattern[] = [];
  const byPrefix = new Map<string, Set<string>>();
  for (const pattern of patterns) {
    if (pattern.kind !== 'suffix' || pattern.suffix.lastIndexOf('.') !== 0) {
      kept.push(pattern);
      continue;
    }
    const suffixes = byPrefix.get(pattern.below) ?? new Set();
    if (suffixes.size === 0) kept.push({ kind: 'suffixes', below: pattern.below, suffixes });
    suffixes.add(pattern.suffix);
    byPrefix.set(pattern.below, suffixes);
  }
  return kept;
}

// Globs.

/** What each star stands for, in order; null: it does not match. */
function globParts({ components, hasRest }: Glob, path: string): string[] | null {
  const parts: string[] = [];
  let at = 1;
  for (const { before, after, part } of components) {
    if (at > path.length) return null;
    const slash = path.indexOf('/', at);
    const text = path.slice(at, slash === -1 ? undefined : slash);
    if (part) {
      if (text.length <= before.length + after.length) return null;
      if (!text.startsWith(before) || !text.endsWith(after)) return null;
      parts.push(text.slice(before.length, text.length - after.length));
    } else if (text !== before) {
      return null;
    }
    at = slash === -1 ? path.length + 1 : slash + 1;
  }
  if (hasRest) parts.push(path.slice(at));
  else if (at <= path.length) return null;
  return parts;
}

const GLOB_COMPONENT = /^([^*{}]*)(\*|\{[A-Za-z_]\w*\})?([^*{}]*)$/;

function parseGlob(text: string): Glob | null {
  if (!text.startsWith('/') || /[?[\]\\\x00-\x1f]/.test(text)) return null;
  const written = text.slice(1).split('/');
  const hasRest = written.at(-1) === '*';
  const components: GlobComponent[] = [];
  for (const one of hasRest ? written.slice(0, -1) : written) {
    const [, before = '', part, after = ''] = GLOB_COMPONENT.exec(one) ?? [];
    if (GLOB_COMPONENT.exec(one) === null) return null;
    const name = part === undefined || part === '*' ? null : part.slice(1, -1);
    components.push({ before, after, part: part !== undefined, name });
  }
  return { kind: 'glob', components, hasRest };
}

/** "{a,b}" is either of them; "{a}" is a name. */
function either(match: string): string[] {
  const [, before, group, after] = /^(.*?)(\{[^{}]*,[^{}]*\})(.*)$/s.exec(match) ?? [];
  if (group === undefined) return [match];
  return alternatives(group).flatMap((one) => either(before + one + after));
}

function parseOne(match: string): RulePattern {
  const named = /\{[A-Za-z_]\w*\}/.test(match);
  const pattern = (named ? null : parsePattern(match)) ?? parseGlob(textToBytes(match));
  if (pattern === null) throw new PosternError('CONFIG_INVALID', `"${match}" is no pattern: ${rulePatternHint}`);
  return pattern;
}

/** Names of a pattern's parts: "1", "2" and what stands in braces. */
function partsOf(match: string): string[] {
  const found = match.match(/\*|\{[A-Za-z_]\w*\}/g) ?? [];
  return found.flatMap((one, i) => (one === '*' ? [String(i + 1)] : [String(i + 1), one.slice(1, -1)]));
}

// Regular expressions. They see the path as text, as whoever wrote them does.

function parseRegex(regex: string): Regex {
  try {
    return { kind: 'regex', regex: re2().compile(regex) };
  } catch (error) {
    const why = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw new PosternError('CONFIG_INVALID', `regex "${regex}" cannot be read: ${why}: it is RE2's syntax`);
  }
}

/** Loaded with the first expression: few sites have one, and each thread would have its quarter of a megabyte of code. */
function re2(): typeof RE2JS {
  return (load('re2js') as typeof import('re2js')).RE2JS;
}

function regexParts(regex: RE2JS, path: string): Parts {
  const found = regex.exec(readable(path)) as RegExpExecArray | null;
  if (found === null) return {};
  const numbered = [...found].slice(1).map((part, i) => [String(i + 1), textToBytes(part ?? '')] as const);
  const named = Object.entries(found.groups ?? {}).map(([name, part]) => [name, textToBytes(part ?? '')] as const);
  return Object.fromEntries([...numbered, ...named]);
}

function partsOfRegex(regex: string): string[] {
  const compiled = parseRegex(regex).regex;
  const numbers = Array.from({ length: compiled.groupCount() }, (_, i) => String(i + 1));
  return [...numbers, ...Object.keys(compiled.namedGroups())];
}

function readable(path: string): string {
  return isAscii(path) ? path : (bytesToText(path) ?? path);
}
