// How long requests waited and ran, as two histograms in shared memory: what percentiles are made from.

/**
 * Upper bounds of the buckets, in milliseconds; what is longer than the last falls into one more. They hold OpenTelemetry's bounds for
 * `http.server.request.duration`, and finer ones between, so that a percentile is off by a quarter at most.
 */
export const durationBoundsMs: readonly number[] = [
  0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 300,
  400, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 60_000,
];

/** A histogram at one moment: requests in each bucket since the start, not summed up; and all their time. */
export interface DurationCounts {
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** What is shown of them. */
export interface DurationsSnapshot {
  /** Upper bounds of the buckets; the last bucket has none. */
  readonly boundsMs: readonly number[];
  /** For a seat. */
  readonly wait: DurationCounts;
  /** From the first seat to the end, without the time in which a client held the program back. */
  readonly run: DurationCounts;
}

const buckets = durationBoundsMs.length + 1;

/** The buckets, then the sum; whole lines of the cache. */
const histogramBytes = Math.ceil(((buckets + 1) * 8) / 64) * 64;
/** Two histograms. */
export const durationBytes = 2 * histogramBytes;

class Histogram {
  readonly #cells: Float64Array;

  constructor(memory: SharedArrayBuffer, from: number) {
    this.#cells = new Float64Array(memory, from, buckets + 1);
  }

  note(ms: number): void {
    let low = 0;
    let high = buckets - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ms <= durationBoundsMs[middle]!) high = middle;
      else low = middle + 1;
    }
    this.#cells[low]! += 1;
    this.#cells[buckets]! += ms;
  }

  snapshot(): DurationCounts {
    return { counts: [...this.#cells.subarray(0, buckets)], sumMs: this.#cells[buckets]! };
  }
}

/** The durations of one queue: of requests that had a seat. */
export class Durations {
  readonly #wait: Histogram;
  readonly #run: Histogram;

  /** @param from where in the memory they begin */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(durationBytes), from = 0) {
    this.#wait = new Histogram(memory, from);
    this.#run = new Histogram(memory, from + histogramBytes);
  }

  /** A request has ended. */
  note(waitedMs: number, ranMs: number): void {
    this.#wait.note(waitedMs);
    this.#run.note(ranMs);
  }

  snapshot(): DurationsSnapshot {
    return { boundsMs: durationBoundsMs, wait: this.#wait.snapshot(), run: this.#run.snapshot() };
  }
}

/** The durations of a pool, from those of its queues. */
export function durationsOf(all: readonly DurationsSnapshot[]): DurationsSnapshot {
  const sum = (which: 'wait' | 'run'): DurationCounts => ({
    counts: Array.from({ length: buckets }, (_, at) => all.reduce((total, one) => total + one[which].counts[at]!, 0)),
    sumMs: all.reduce((total, one) => total + one[which].sumMs, 0),
  });
  return { boundsMs: durationBoundsMs, wait: sum('wait'), run: sum('run') };
}
