// Conditions of a request (RFC 9110, section 13): whether its client has the representation already, or means another one. Pure.

import { fieldValues } from './headers.ts';

/** What a representation is known by. */
export interface Validators {
  /** With its quotes, perhaps with "W/" ahead. */
  readonly etag: string;
  /** Milliseconds since 1970; what is below a second is not compared. */
  readonly modifiedMs: number;
}

/**
 * Holds a GET or HEAD against its conditions, in the order of section 13.2.2.
 * @returns "changed": 412; "same": 304; "go": there is no condition, or it is met
 */
export function checkConditions(
  headers: readonly string[],
  { etag, modifiedMs }: Validators,
): 'go' | 'same' | 'changed' {
  const match = joined(headers, 'if-match');
  const unmodifiedSince = date(headers, 'if-unmodified-since');
  if (match !== null) {
    if (!lists(match, etag)) return 'changed';
  } else if (unmodifiedSince !== null && seconds(modifiedMs) > unmodifiedSince) {
    return 'changed';
  }
  // Who reloads wants it whatever is in caches on the way.
  if (/(?:^|,)\s*no-cache\s*(?:,|$)/i.test(joined(headers, 'cache-control') ?? '')) return 'go';
  const noneMatch = joined(headers, 'if-none-match');
  if (noneMatch !== null) return lists(noneMatch, etag) ? 'same' : 'go';
  const modifiedSince = date(headers, 'if-modified-since');
  return modifiedSince !== null && seconds(modifiedMs) <= modifiedSince ? 'same' : 'go';
}

/** Whether the Range of a request counts: If-Range names another representation, or there is none (section 13.1.5). */
export function isRangeMeant(headers: readonly string[], { etag, modifiedMs }: Validators): boolean {
  const ifRange = joined(headers, 'if-range');
  if (ifRange === null) return true;
  if (ifRange.includes('"')) return ifRange === etag;
  const time = Date.parse(ifRange);
  return !Number.isNaN(time) && seconds(modifiedMs) <= seconds(time);
}

/** All values of a field as one list; null without one. */
function joined(headers: readonly string[], name: string): string | null {
  const values = fieldValues(headers, name);
  return values.length === 0 ? null : values.join(', ');
}

/** Whether a list of entity tags holds one; those marked weak count as the others. */
function lists(list: string, etag: string): boolean {
  if (list.trim() === '*') return true;
  const opaque = withoutWeak(etag);
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((one) => withoutWeak(one) === opaque);
}

function withoutWeak(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}

/** A date in seconds; null without a valid one. */
function date(headers: readonly string[], name: string): number | null {
  const value = joined(headers, name);
  const time = value === null ? Number.NaN : Date.parse(value);
  return Number.isNaN(time) ? null : seconds(time);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
