// The counters of one queue, in shared memory: accepted = waiting + running + finished + refused + aborted, at every moment. A queue writes its own
// alone; whoever wants those of a pool adds up what the queues of its threads have.

import type { ErrorCode } from '../errors.ts';

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

const refusals = [
  'QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'POOL_RESTING',
  'POOL_CLOSING',
  'POOL_DRAINED',
  'REQUEST_CRASHES',
] as const satisfies readonly ErrorCode[];

/** Why a queue gives a request no seat. */
export type RefusalCause = (typeof refusals)[number];

const names = Object.keys(index);

const indexOfRefusals = names.length;

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
  /** The refused ones by why. */
  readonly refusedBy: Readonly<Record<RefusalCause, number>>;
}

/** Whole lines of the cache: queues that count in two threads do not slow each other down. */
export const counterBytes = Math.ceil(((indexOfRefusals + refusals.length) * 8) / 64) * 64;

/** What is a highest value, of all threads as the one saw it that wrote it. */
const highest: ReadonlySet<string> = new Set<CounterName>(['maxWaiting', 'maxRunning']);

export class Counters {
  readonly #cells: Float64Array;

  /** @param from where in the memory they begin */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(counterBytes), from = 0) {
    this.#cells = new Float64Array(memory, from, indexOfRefusals + refusals.length);
  }

  get(name: CounterName): number {
    return this.#cells[index[name]]!;
  }

  add(name: CounterName, by: number): void {
    this.#cells[index[name]]! += by;
  }

  /** A request was refused. */
  refuse(code: ErrorCode): void {
    this.add('refused', 1);
    const cause = refusals.indexOf(code as RefusalCause);
    if (cause >= 0) this.#cells[indexOfRefusals + cause]! += 1;
  }

  /** Sets a highest value, where it is one. */
  raise(name: CounterName, to: number): void {
    if (to > this.#cells[index[name]]!) this.#cells[index[name]] = to;
  }

  /** The thread that counted has ended, at whatever it was doing: all that it had begun and not ended is aborted. */
  abandon(): void {
    const aborted = this.get('accepted') - this.get('finished') - this.get('refused');
    this.add('failed', aborted - this.get('aborted'));
    this.#cells[index.aborted] = aborted;
    this.#cells[index.waiting] = 0;
    this.#cells[index.running] = 0;
  }

  snapshot(): QueueCounters {
    const counted: Record<string, number> = {};
    const refusedBy: Record<string, number> = {};
    for (const [at, name] of names.entries()) counted[name] = this.#cells[at]!;
    for (const [at, cause] of refusals.entries()) refusedBy[cause] = this.#cells[indexOfRefusals + at]!;
    return { ...counted, refusedBy } as unknown as QueueCounters;
  }
}

/** The counters of a pool, from those of its queues. */
export function sumOf(all: readonly QueueCounters[]): QueueCounters {
  const of = (name: CounterName): number => {
    const values = all.map((counters) => counters[name]);
    return highest.has(name) ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
  };
  const by = (cause: RefusalCause): number => all.reduce((sum, { refusedBy }) => sum + refusedBy[cause], 0);
  const counted = (Object.keys(index) as CounterName[]).map((name) => [name, of(name)]);
  const refusedBy = refusals.map((cause) => [cause, by(cause)]);
  return { ...Object.fromEntries(counted), refusedBy: Object.fromEntries(refusedBy) } as QueueCounters;
}
