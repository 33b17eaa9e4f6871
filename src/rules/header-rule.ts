// What rules change in the header of an answer: fields that are set, added and removed, and how long caches may keep it. Pure.
//
// 1. The first rule that sets or removes a field decides it; `add` always adds.
// 2. A rule says for which statuses it is. Where it does not, fields about caching are for 2xx and 3xx alone (a 404 is not to be kept for a year), and
//    all others for every answer.
// 3. `expires` gives way to what the program said itself, and to a Cache-Control that another rule sets.

import { isNamed } from '../protocol/http/headers.ts';

/** What one rule changes. Byte strings. */
export interface HeaderRule {
  readonly set: readonly HeaderField[];
  readonly add: readonly HeaderField[];
  /** In lower case. */
  readonly remove: readonly string[];
  /** Seconds that caches may keep it; 0: they ask each time. null: it does not say. */
  readonly expiresS: number | null;
  /** null: as the second sentence above says. */
  readonly statuses: ReadonlySet<number> | null;
}

/** A field, which may come several times. */
export interface HeaderField {
  readonly name: string;
  readonly values: readonly string[];
}

const aboutCaching = new Set(['cache-control', 'expires', 'pragma', 'surrogate-control', 'cdn-cache-control']);

/** Fields that only who frames the answer can set, for messages. */
export const framingFields: ReadonlySet<string> = new Set([
  ...[
    'connection',
    'content-length',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ],
  ...['content-encoding', 'content-range', 'date'],
]);

/**
 * Changes a header.
 * @param rules those that take the request, in their order
 * @param headers name, value, name, value
 * @param nowMs for Expires
 */
export function changeHeader(
  rules: readonly HeaderRule[],
  status: number,
  headers: readonly string[],
  nowMs: number,
): readonly string[] {
  let changed = headers;
  const decided = new Set<string>();
  for (const rule of rules) {
    for (const { name, values } of rule.set) {
      const lower = name.toLowerCase();
      if (decided.has(lower) || !isFor(rule, status, lower)) continue;
      decided.add(lower);
      changed = [...without(changed, lower), ...values.flatMap((value) => [name, value])];
    }
    for (const lower of rule.remove) {
      if (decided.has(lower) || !isFor(rule, status, lower)) continue;
      decided.add(lower);
      changed = without(changed, lower);
    }
    for (const { name, values } of rule.add) {
      if (isFor(rule, status, name.toLowerCase())) changed = [...changed, ...values.flatMap((value) => [name, value])];
    }
  }
  const expires = rules.find((rule) => rule.expiresS !== null && isFor(rule, status, 'expires'));
  if (expires === undefined || decided.has('cache-control') || decided.has('expires')) return changed;
  if (has(headers, 'cache-control') || has(headers, 'expires') || has(headers, 'set-cookie')) return changed;
  return [...changed, ...lifetime(expires.expiresS!, nowMs)];
}

function isFor({ statuses }: HeaderRule, status: number, lower: string): boolean {
  if (statuses !== null) return statuses.has(status);
  return !aboutCaching.has(lower) || status < 400;
}

function lifetime(seconds: number, nowMs: number): string[] {
  if (seconds === 0) return ['Cache-Control', 'no-cache'];
  const until = new Date(nowMs + seconds * 1_000).toUTCString();
  return ['Expires', until, 'Cache-Control', `max-age=${seconds}`];
}

function has(headers: readonly string[], lower: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i]!, lower)) return true;
  return false;
}

function without(headers: readonly string[], lower: string): readonly string[] {
  if (!has(headers, lower)) return headers;
  return headers.filter((_, i) => !isNamed(headers[i - (i % 2)]!, lower));
}

/** "200", "4xx" and "all" as statuses; null: it is none of them. */
export function statusesOf(text: string): number[] | null {
  if (text === 'all') return range(200, 599);
  const [, hundred] = /^([2-5])xx$/.exec(text) ?? [];
  if (hundred !== undefined) return range(Number(hundred) * 100, Number(hundred) * 100 + 99);
  return /^[2-5]\d\d$/.test(text) ? [Number(text)] : null;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
