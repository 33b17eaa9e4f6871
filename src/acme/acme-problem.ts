// What went wrong with an authority, in its own words where it said any (RFC 7807; RFC 8555, section 6.7). Pure.

import { bytesToLog, textToBytes } from '../protocol/text.ts';

/** No limit of an authority is longer: one that asks for more is asked again all the same. */
const longestWaitMs = 7 * 86_400_000;

/** What the authority, or the way to it, refused. */
export class AcmeProblem extends Error {
  /** The last part of its type: "rateLimited", "badNonce"; empty: the authority said none. */
  readonly type: string;
  /** Of the HTTP answer; 0: there was none. */
  readonly status: number;
  /** How long it asks us to wait, in milliseconds; null: it does not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, { type = '', status = 0, retryAfterMs = null }: Partial<ProblemFacts> = {}) {
    super(message);
    this.name = 'AcmeProblem';
    this.type = type;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the authority did not judge at all, so that its limits count nothing. */
  get isOutage(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

interface ProblemFacts {
  readonly type: string;
  readonly status: number;
  readonly retryAfterMs: number | null;
}

/** Text of others in messages is short, and holds nothing that a terminal obeys. */
export function shown(text: string): string {
  return bytesToLog(textToBytes(text), 500);
}

/** Makes one of a problem document. @param said what an answer or an object of the authority holds */
export function problemOf(said: unknown, status: number, retryAfterMs: number | null = null): AcmeProblem {
  const { type, detail, subproblems } = (said ?? {}) as { type?: unknown; detail?: unknown; subproblems?: unknown };
  const name = typeof type === 'string' ? (type.split(':').at(-1) ?? '') : '';
  const others = Array.isArray(subproblems)
    ? subproblems.flatMap((one: { detail?: unknown }) => (typeof one?.detail === 'string' ? shown(one.detail) : []))
    : [];
  const words = [typeof detail === 'string' ? shown(detail) : '', ...others].filter((word) => word !== '');
  const what = words.length === 0 ? `it answered ${status}` : words.join('; ');
  return new AcmeProblem(name === '' ? what : `${what} (${shown(name)})`, { type: name, status, retryAfterMs });
}

/**
 * Reads Retry-After: seconds, or a date (RFC 9110, section 10.2.3).
 * @param nowMs since 1970
 * @returns milliseconds from now, 0 at least, a week at most; null: there is none that can be read
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, longestWaitMs);
  // Date.parse takes more than dates of HTTP, such as "12".
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(Math.max(0, at - nowMs), longestWaitMs);
}
