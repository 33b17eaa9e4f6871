// What a queue writes down of its requests, in memory that threads may share: counters, of which accepted = waiting + running + finished + refused +
// aborted at every moment; and how long they waited and ran. A queue alone writes its own.

import type { ErrorCode } from '../errors.ts';
import { type CrashingKinds, crashingKinds } from './crash-guard.ts';
import { RequestNumbers } from './request-numbers.ts';

/** Counters by their names: where each stands. */
export const counter = {
  accepted: 0,
  waiting: 1,
  running: 2,
  finished: 3,
  refused: 4,
  aborted: 5,
  failed: 6,
  retried: 7,
  maxWaiting: 8,
  maxRunning: 9,
  limitReached: 10,
  slow: 11,
} as const;

export const refusals = [
  'QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'POOL_RESTING',
  'POOL_CLOSING',
  'POOL_DRAINED',
  'REQUEST_CRASHES',
] as const satisfies readonly ErrorCode[];

/** Why a queue gives a request no seat. */
export type RefusalCause = (typeof refusals)[number];

const names = Object.keys(counter);

const indexOfRefusals = names.length;

/** A counter by its name. */
export type CounterName = keyof typeof counter;
type Counter = (typeof counter)[CounterName];

/** The counters at one moment. */
export interface QueueCounters {
  readonly accepted: number;
  readonly waiting: number;
  readonly running: number;
  /** Ended by the program, well or not. */
  readonly finished: number;
  /** Refused by us: queue full, too late, resting, closing. */
  readonly refused: number;
  /** The client left, or the request ended in an error before its answer was complete. */
  readonly aborted: number;
  /** Those of the aborted where no client had left. */
  readonly failed: number;
  /** Attempts beyond the first. */
  readonly retried: number;
  readonly maxWaiting: number;
  readonly maxRunning: number;
  /** Times that every seat there may be was taken when a request began to wait. */
  readonly limitReached: number;
  /** Those that ran longer than `slowAfter`. */
  readonly slow: number;
  /** The refused ones by why. */
  readonly refusedBy: Readonly<Record<RefusalCause, number>>;
}

/** Whole lines of the cache: queues that count in two threads do not slow each other down. */
export const counterBytes = Math.ceil(((indexOfRefusals + refusals.length) * 8) / 64) * 64;

export class Counters {
  readonly #cells: Float64Array;

  /** @param from where in the memory they begin */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(counterBytes), from = 0) {
    this.#cells = new Float64Array(memory, from, indexOfRefusals + refusals.length);
  }

  get(name: CounterName): number {
    return this.#cells[counter[name]]!;
  }

  /** @param at of `counter`: a name would be looked up each time */
  add(at: Counter, by: number): void {
    this.#cells[at]! += by;
  }

  /** A request was refused. */
  refuse(code: ErrorCode): void {
    this.add(counter.refused, 1);
    const cause = refusals.indexOf(code as RefusalCause);
    if (cause >= 0) this.#cells[indexOfRefusals + cause]! += 1;
  }

  /** Sets a highest value, where it is one. */
  raise(at: Counter, to: number): void {
    if (to > this.#cells[at]!) this.#cells[at] = to;
  }

  /** The thread that counted has ended, at whatever it was doing: all that it had begun and not ended is aborted. */
  abandon(): void {
    const aborted = this.get('accepted') - this.get('finished') - this.get('refused');
    this.add(counter.failed, aborted - this.get('aborted'));
    this.#cells[counter.aborted] = aborted;
    this.#cells[counter.waiting] = 0;
    this.#cells[counter.running] = 0;
  }

  snapshot(): QueueCounters {
    const counted: Record<string, number> = {};
    const refusedBy: Record<string, number> = {};
    let at = 0;
    for (const name of names) counted[name] = this.#cells[at++]!;
    for (const cause of refusals) refusedBy[cause] = this.#cells[at++]!;
    return { ...counted, refusedBy } as unknown as QueueCounters;
  }
}

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
    return { counts: Array.from(this.#cells.subarray(0, buckets)), sumMs: this.#cells[buckets]! };
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

/** The books of one queue. */
export interface QueueBooks {
  readonly counters: Counters;
  readonly durations: Durations;
  readonly numbers: RequestNumbers;
  /** Of all queues of the pool: see `crash-guard.ts`. */
  readonly crashing: CrashingKinds;
}

export function newBooks(): QueueBooks {
  return {
    counters: new Counters(),
    durations: new Durations(),
    numbers: new RequestNumbers(),
    crashing: crashingKinds(null),
  };
}
