// What the charts show: a point a second for each pool and for all of them, over the last minutes.

import { type Buckets, bucketsBetween, percentile, sumOfBuckets } from '../../../src/admin/percentiles.ts';
import type { Pool, Service } from './arrived.ts';

/** Name of the history of all pools together; no pool can be called so. */
export const allPools = '';

/** One second of a pool, or of all. Rates and times are null where nothing is known. */
export interface Point {
  /** Seconds since 1970. */
  readonly at: number;
  /** Requests that ended, a second. */
  readonly rate: number | null;
  /** Requests that failed or were refused, a second. */
  readonly failing: number | null;
  readonly busy: number;
  readonly waiting: number;
  readonly limit: number;
  /** How long requests ran, in milliseconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** What is counted up by a pool. */
interface Counted {
  readonly atMs: number;
  readonly done: number;
  readonly failed: number;
  readonly run: Buckets;
}

/** Points that are kept: ten minutes. */
const mostPoints = 600;
const pointMs = 1_000;
/** Percentiles are those of so many seconds: fewer would jump, where there are few requests. */
const percentileSeconds = 10;

export class History {
  readonly #points = new Map<string, Point[]>();
  /** The last counts of each, oldest first. */
  readonly #counted = new Map<string, Counted[]>();
  #lastMs = Number.NEGATIVE_INFINITY;

  /** The points of a pool, oldest first. */
  of(pool: string): readonly Point[] {
    return this.#points.get(pool) ?? [];
  }

  /** Takes a view; adds points when a second has gone by. @returns whether it did */
  take(view: Service, atMs: number): boolean {
    if (atMs < this.#lastMs + pointMs * 0.9) return false;
    // A page that was asleep, or had no connection: the rates would be those of all that time.
    const isGap = atMs > this.#lastMs + pointMs * 5;
    this.#lastMs = atMs;
    if (isGap) this.#counted.clear();
    const pools = Object.values(view.pools);
    for (const pool of pools) this.#add(pool.name, atMs, [pool], isGap);
    this.#add(allPools, atMs, pools, isGap);
    for (const name of [...this.#points.keys()]) if (name !== allPools && !(name in view.pools)) this.#forget(name);
    return true;
  }

  #add(name: string, atMs: number, pools: readonly Pool[], isGap: boolean): void {
    const counted = countedOf(pools, atMs);
    const earlier = this.#counted.get(name) ?? [];
    const [oldest, last] = [earlier[0], earlier.at(-1)];
    // A service that was started anew counts from zero.
    const isAnew = last !== undefined && counted.done < last.done;
    const before = isAnew ? undefined : last;
    const run = before === undefined || oldest === undefined ? {} : bucketsBetween(oldest.run, counted.run);
    const bounds = pools[0]?.boundsMs ?? [];
    const perSecond = (now: number, then: number): number => Math.max(0, ((now - then) * 1000) / (atMs - before!.atMs));
    const points = this.#points.get(name) ?? [];
    if (isGap && points.length > 0) points.push(gap(atMs - 1));
    points.push({
      at: atMs / 1000,
      rate: before === undefined ? null : perSecond(counted.done, before.done),
      failing: before === undefined ? null : perSecond(counted.failed, before.failed),
      busy: sum(pools, ({ counters }) => counters.running),
      waiting: sum(pools, ({ counters }) => counters.waiting),
      limit: sum(pools, ({ workers }) => workers),
      p50: percentile(bounds, run, 0.5),
      p95: percentile(bounds, run, 0.95),
      p99: percentile(bounds, run, 0.99),
    });
    if (points.length > mostPoints) points.splice(0, points.length - mostPoints);
    this.#points.set(name, points);
    const kept = isAnew ? [] : earlier;
    this.#counted.set(name, [...kept, counted].slice(-percentileSeconds));
  }

  #forget(name: string): void {
    this.#points.delete(name);
    this.#counted.delete(name);
  }
}

const sum = (pools: readonly Pool[], of: (pool: Pool) => number): number =>
  pools.reduce((total, pool) => total + of(pool), 0);

function countedOf(pools: readonly Pool[], atMs: number): Counted {
  return {
    atMs,
    done: sum(pools, ({ counters }) => counters.finished + counters.aborted + counters.refused),
    failed: sum(pools, ({ counters }) => counters.failed + counters.refused),
    run: sumOfBuckets(pools.map((pool) => pool.run.counts)),
  };
}

/** Breaks the line of a chart. */
const gap = (atMs: number): Point => ({
  at: atMs / 1000,
  rate: null,
  failing: null,
  busy: Number.NaN,
  waiting: Number.NaN,
  limit: Number.NaN,
  p50: null,
  p95: null,
  p99: null,
});
