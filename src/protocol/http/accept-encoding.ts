// Which content coding a client gets, by its Accept-Encoding (RFC 9110, section 12.5.3); and what a coded answer's header is. Pure.

import { fieldValue, fieldValues, isNamed } from './headers.ts';

/** What answers can be coded with, in the order in which we prefer them. */
export const codings = ['zstd', 'br', 'gzip'] as const;
export type Coding = (typeof codings)[number];

/**
 * The coding that a client likes best of those at hand; of several that it likes as much, the first.
 * @returns null: it gets the answer as it is
 */
export function chooseCoding(headers: readonly string[], atHand: readonly Coding[]): Coding | null {
  return atHand.length === 0 ? null : codingFor(acceptedCodings(headers), atHand);
}

/** What a client says of codings; empty: nothing. */
export function acceptedCodings(headers: readonly string[]): string {
  return fieldValues(headers, 'accept-encoding').join(',');
}

/** The same of a client that says `value` of codings. */
export function codingFor(value: string, atHand: readonly Coding[]): Coding | null {
  if (value === '') return null;
  const weights = weightsOf(value);
  const rest = weights.get('*') ?? 0;
  let best: Coding | null = null;
  // As it is, it is always welcome, but where the client says otherwise; a coding that is liked as much is better.
  let bestWeight = weights.get('identity') ?? Number.MIN_VALUE;
  for (const coding of atHand) {
    const weight = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? rest;
    if (weight > 0 && (best === null ? weight >= bestWeight : weight > bestWeight)) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

function weightsOf(value: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const item of value.split(',')) {
    const [, name, weight] =
      /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(item) ?? [];
    if (name !== undefined) weights.set(name.toLowerCase(), Number(weight ?? 1));
  }
  return weights;
}

/** The header of an answer whose body depends on Accept-Encoding. */
export function withVary(headers: readonly string[]): readonly string[] {
  const vary = fieldValue(headers, 'vary');
  if (vary === undefined) return [...headers, 'Vary', 'Accept-Encoding'];
  if (/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(fieldValues(headers, 'vary').join(','))) return headers;
  const at = headers.findIndex((one, i) => i % 2 === 0 && isNamed(one, 'vary'));
  return headers.with(at + 1, `${vary}, Accept-Encoding`);
}

const ofPlain = new Set(['content-length', 'accept-ranges', 'content-md5', 'content-digest', 'digest']);

/** The header of an answer that is coded: its length is another one, and its tag is weak, since the bytes are not those that it was for. */
export function codedHeader(headers: readonly string[], coding: Coding): readonly string[] {
  const coded: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase();
    if (!ofPlain.has(lower)) coded.push(headers[i]!, lower === 'etag' ? weakened(headers[i + 1]!) : headers[i + 1]!);
  }
  coded.push('Content-Encoding', coding);
  return withVary(coded);
}

/** A header whose tag is weak. */
export function weakTag(headers: readonly string[]): readonly string[] {
  const at = headers.findIndex((one, i) => i % 2 === 0 && isNamed(one, 'etag'));
  return at === -1 ? headers : headers.with(at + 1, weakened(headers[at + 1]!));
}

function weakened(tag: string): string {
  return tag.startsWith('"') ? `W/${tag}` : tag;
}
