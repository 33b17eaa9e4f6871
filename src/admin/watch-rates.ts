// How fast a service works, from one look at its status to the next: requests a second and percentiles, for each pool. Pure but for its memory.

import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { type Buckets, bucketsBetween, percentile, sumOfBuckets } from './percentiles.ts';
import type { ServiceStatus } from './source.ts';

/** What a pool, or all of them, did within the last seconds; null: that is not known yet, or there was nothing. */
export interface Rates {
  readonly perSecond: number | null;
  readonly failingPerSecond: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
}

interface Look {
  readonly atMs: number;
  readonly pools: ReadonlyMap<string, { readonly done: number; readonly failed: number; readonly run: Buckets }>;
}

const unknownRates: Rates = { perSecond: null, failingPerSecond: null, p50: null, p95: null };

/** Looks that are kept: percentiles are those of what came since the oldest. */
const mostLooks = 10;

export class WatchRates {
  #looks: Look[] = [];
  #startedAt = 0;
  #boundsMs: readonly number[] = [];

  /** Takes a status. @param atMs when it was looked at, on a monotonic clock */
  take(status: ServiceStatus, atMs: number): void {
    // Another process counts from zero.
    if (status.startedAt !== this.#startedAt) this.#looks = [];
    this.#startedAt = status.startedAt;
    this.#boundsMs = status.pools[0]?.durations.boundsMs ?? [];
    const pools = new Map(status.pools.map((pool) => [pool.name, countsOf(pool)]));
    this.#looks = [...this.#looks, { atMs, pools }].slice(-mostLooks);
  }

  /** Of pools by their names, together. */
  of(names: readonly string[]): Rates {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    const before = this.#looks.at(-2);
    if (first === undefined || last === undefined || before === undefined) return unknownRates;
    const seconds = (last.atMs - before.atMs) / 1000;
    const per = (count: (counts: { done: number; failed: number }) => number): number => {
      const sum = (look: Look): number => names.reduce((total, name) => total + count(look.pools.get(name) ?? none), 0);
      return Math.max(0, (sum(last) - sum(before)) / seconds);
    };
    const run = sumOfBuckets(
      names.map((name) => bucketsBetween(first.pools.get(name)?.run ?? null, last.pools.get(name)?.run ?? {})),
    );
    return {
      perSecond: per(({ done }) => done),
      failingPerSecond: per(({ failed }) => failed),
      p50: percentile(this.#boundsMs, run, 0.5),
      p95: percentile(this.#boundsMs, run, 0.95),
    };
  }
}

const none = { done: 0, failed: 0 };

function countsOf({ counters, durations }: PoolSnapshot) {
  const { finished, aborted, refused, failed } = counters;
  return {
    done: finished + aborted + refused,
    failed: failed + refused,
    run: Object.fromEntries(durations.run.counts.entries()) as Buckets,
  };
}
