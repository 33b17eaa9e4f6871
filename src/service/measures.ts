// What metrics show besides the status: histograms of the service's fronts and pools, and what its threads and its process are busy with.

import type { Buckets, Measures } from '../admin/source.ts';
import type { Unit } from '../backend/unit.ts';
import type { DurationCounts } from '../queue/queue-books.ts';
import type { FrontsShown } from '../sites/fronts.ts';
import { httpBoundsS } from '../sites/http-durations.ts';
import { processLoad } from '../sites/thread-load.ts';

/** Of this moment. */
export function measuresOf(fronts: FrontsShown, units: readonly Unit[]): Measures {
  return {
    http: fronts.durations.map((series) => ({ ...series, boundsS: httpBoundsS })),
    pools: new Map(
      units.map((unit) => {
        const { boundsMs, wait, run } = fronts.summed(unit.snapshot()).durations;
        return [unit.name, { wait: coarse(wait, boundsMs), run: coarse(run, boundsMs) }];
      }),
    ),
    active: fronts.running,
    threads: fronts.load,
    process: processLoad(),
  };
}

/** The fine buckets of a pool, which percentiles are made from, as those of HTTP: every bound of these is one of the fine ones, too. */
function coarse({ counts, sumMs }: DurationCounts, boundsMs: readonly number[]): Buckets {
  const sums = new Array<number>(httpBoundsS.length + 1).fill(0);
  counts.forEach((count, fine) => {
    const boundMs = boundsMs[fine] ?? Number.POSITIVE_INFINITY;
    const at = httpBoundsS.findIndex((bound) => boundMs <= bound * 1000);
    sums[at === -1 ? httpBoundsS.length : at]! += count;
  });
  return { boundsS: httpBoundsS, counts: sums, sumS: sumMs / 1000 };
}
