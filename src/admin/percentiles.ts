// Percentiles of durations from histograms, as of those that came between two of them. Pure.

/** Requests by bucket; a bucket without any may be absent. */
export type Buckets = Readonly<Record<number, number>>;

/** What came between two moments; what is not in `before` came all of it. */
export function bucketsBetween(before: Buckets | null, after: Buckets): Buckets {
  if (before === null) return after;
  const between: Record<number, number> = {};
  for (const key in after) {
    const count = after[key]! - (before[key] ?? 0);
    if (count > 0) between[key] = count;
  }
  return between;
}

/** The buckets of several. */
export function sumOfBuckets(all: readonly Buckets[]): Buckets {
  const sum: Record<number, number> = {};
  for (const buckets of all) for (const key in buckets) sum[key] = (sum[key] ?? 0) + buckets[key]!;
  return sum;
}

/**
 * The duration below which a share of the requests stayed, in milliseconds; null: there were none. Within a bucket they are taken to lie
 * evenly; of what is longer than the last bound nothing more is known.
 * @param share 0.5 is the median
 */
export function percentile(boundsMs: readonly number[], buckets: Buckets, share: number): number | null {
  let total = 0;
  for (const key in buckets) total += buckets[key]!;
  if (total === 0) return null;
  let below = 0;
  for (let index = 0; index < boundsMs.length; index += 1) {
    const count = buckets[index] ?? 0;
    if (count > 0 && below + count >= share * total) {
      const low = boundsMs[index - 1] ?? 0;
      return low + (boundsMs[index]! - low) * Math.max(0, (share * total - below) / count);
    }
    below += count;
  }
  return boundsMs.at(-1)!;
}
