// When an authority is asked, and when again: so seldom that its limits are never met. Pure.
//
// Let's Encrypt lets five proofs of a name fail an hour, and takes 300 orders of an account in three hours (https://letsencrypt.org/docs/rate-limits/).

import type { CertificateFacts } from '../tls/certificate.ts';
import type { AcmeProblem } from './acme-problem.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The pause after the first failure of a name in a row, after the second, and so on; then the last of them. */
const pausesMs = [1, 5, 15, 60, 180, 360, 720, 1_440].map((minutes) => minutes * minuteMs);

/** With the pauses above a name fails five times in any hour at most, however often somebody asks. */
const mendedPauseMs = 30 * minuteMs;

/** Where nobody answered there is no limit, and what is amiss may be over soon. */
const longestOutageMs = hourMs;

/** Orders of an account within the last while; more of them wait. */
export const mostOrders = 240;
export const orderPeriodMs = 3 * hourMs;

/** How a name failed. JSON, as the store keeps it. */
export interface Failure {
  /** In a row. */
  readonly count: number;
  /** Since 1970. */
  readonly atMs: number;
  readonly nextAtMs: number;
  /** Until when the authority has asked us to wait; absent: it has not. */
  readonly notBeforeMs?: number;
  readonly why: string;
}

/**
 * What is remembered of another failure.
 * @param before null: the last try went well, or there was none
 * @param random 0 to 1: names that failed together are not tried together
 */
export function failed(before: Failure | null, problem: AcmeProblem, nowMs: number, random: number): Failure {
  const count = (before?.count ?? 0) + 1;
  const usual = pausesMs[Math.min(count, pausesMs.length) - 1]!;
  const pauseMs = (problem.isOutage ? Math.min(usual, longestOutageMs) : usual) * (1 + random / 10);
  const { retryAfterMs } = problem;
  const nextAtMs = Math.round(nowMs + Math.max(pauseMs, retryAfterMs ?? 0));
  const asked = retryAfterMs === null ? {} : { notBeforeMs: nowMs + retryAfterMs };
  return { count, atMs: nowMs, nextAtMs, ...asked, why: problem.message };
}

/** Whether a failed name may be tried when somebody has mended something: not more often than the authority bears, nor before it said. */
export function mayRetry({ atMs, notBeforeMs = 0 }: Failure, nowMs: number): boolean {
  return nowMs - atMs >= mendedPauseMs && nowMs >= notBeforeMs;
}

/** What is remembered of the orders of an account. JSON, as the store keeps it. */
export interface OrderBooks {
  /** When they were placed, since 1970. */
  readonly orders: readonly number[];
  /** Until when names below a domain wait, since the authority has said that there were too many. */
  readonly holds: Readonly<Record<string, number>>;
}

/** When an order for a name may be placed: now, or later. */
export function orderAt({ orders, holds }: OrderBooks, name: string, nowMs: number): number {
  const recent = orders.filter((at) => at > nowMs - orderPeriodMs).toSorted((one, other) => one - other);
  const freeAtMs = recent.length < mostOrders ? nowMs : recent[recent.length - mostOrders]! + orderPeriodMs;
  return Math.max(freeAtMs, holds[domainOf(name)] ?? 0);
}

/** The books with one order more. */
export function withOrder({ orders, holds }: OrderBooks, nowMs: number): OrderBooks {
  return {
    orders: [...orders.filter((at) => at > nowMs - orderPeriodMs), nowMs],
    holds: Object.fromEntries(Object.entries(holds).filter(([, untilMs]) => untilMs > nowMs)),
  };
}

/** The books after the authority has said that there were too many. */
export function withHold({ orders, holds }: OrderBooks, name: string, untilMs: number): OrderBooks {
  return { orders, holds: { ...holds, [domainOf(name)]: untilMs } };
}

/** What a limit for "registered domains" may count as one: too much rather than too little. */
function domainOf(name: string): string {
  return name.split('.').slice(-2).join('.');
}

/** When a certificate is to be renewed: with a third of its life left, however long that is. */
export function renewalAt({ notBefore, notAfter }: CertificateFacts): number {
  return notAfter - (notAfter - notBefore) / 3;
}
