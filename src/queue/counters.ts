// The counters of one queue, in shared memory: accepted = waiting + running + finished + refused + aborted, at every moment.

const index = {
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

/** A counter by its name. */
export type CounterName = keyof typeof index;

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
}

export class Counters {
  readonly #cells = new Float64Array(new SharedArrayBuffer(Object.keys(index).length * 8));

  get(name: CounterName): number {
    return this.#cells[index[name]]!;
  }

  add(name: CounterName, by: number): void {
    this.#cells[index[name]]! += by;
  }

  /** Sets a highest value, where it is one. */
  raise(name: CounterName, to: number): void {
    if (to > this.#cells[index[name]]!) this.#cells[index[name]] = to;
  }

  snapshot(): QueueCounters {
    return Object.fromEntries(
      Object.entries(index).map(([name, at]) => [name, this.#cells[at]!]),
    ) as unknown as QueueCounters;
  }
}
