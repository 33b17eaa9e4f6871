// The books of all queues of a pool, one for each thread, in memory that these share; and what they come to together.

import { crashCells, crashingKinds } from './crash-guard.ts';
import {
  type CounterName,
  Counters,
  counter,
  counterBytes,
  type DurationCounts,
  Durations,
  type DurationsSnapshot,
  durationBoundsMs,
  durationBytes,
  type QueueBooks,
  type QueueCounters,
  type RefusalCause,
  refusals,
} from './queue-books.ts';
import { RequestNumbers } from './request-numbers.ts';

/** What is a highest value, of all threads as the one saw it that wrote it. */
const highest: ReadonlySet<string> = new Set<CounterName>(['maxWaiting', 'maxRunning']);

/** The counters of a pool, from those of its queues. */
export function sumOf(all: readonly QueueCounters[]): QueueCounters {
  const of = (name: CounterName): number => {
    const values = all.map((counters) => counters[name]);
    return highest.has(name) ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
  };
  const by = (cause: RefusalCause): number => all.reduce((sum, { refusedBy }) => sum + refusedBy[cause], 0);
  const counted = (Object.keys(counter) as CounterName[]).map((name) => [name, of(name)]);
  const refusedBy = refusals.map((cause) => [cause, by(cause)]);
  return { ...Object.fromEntries(counted), refusedBy: Object.fromEntries(refusedBy) } as QueueCounters;
}

/** The durations of a pool, from those of its queues. */
export function durationsOf(all: readonly DurationsSnapshot[]): DurationsSnapshot {
  const sum = (which: 'wait' | 'run'): DurationCounts => ({
    counts: Array.from({ length: durationBoundsMs.length + 1 }, (_, at) =>
      all.reduce((total, one) => total + one[which].counts[at]!, 0),
    ),
    sumMs: all.reduce((total, one) => total + one[which].sumMs, 0),
  });
  return { boundsMs: durationBoundsMs, wait: sum('wait'), run: sum('run') };
}

const bookBytes = counterBytes + durationBytes;
/** Numbers of requests that a thread has for itself. */
const numbersPerThread = 1e9;

/** In whose queue a request has this number: the index of its thread. */
export const threadOfNumber = (number: number): number => Math.floor(number / numbersPerThread);

/** The books of the queues of several threads. */
export class SharedBooks {
  /** To be given to other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #opened: QueueBooks[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
  }

  /** Memory for so many threads. */
  static memoryFor(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * bookBytes + (threads > 1 ? crashCells * 8 : 0));
  }

  /** Those of a thread. */
  of(index: number): QueueBooks {
    const from = index * bookBytes;
    const crashesFrom = this.memory.byteLength - crashCells * 8;
    const isShared = this.memory.byteLength > bookBytes;
    this.#opened[index] ??= {
      counters: new Counters(this.memory, from),
      durations: new Durations(this.memory, from + counterBytes),
      numbers: new RequestNumbers(index * numbersPerThread),
      crashing: crashingKinds(isShared ? new Float64Array(this.memory, crashesFrom, crashCells) : null),
    };
    return this.#opened[index];
  }

  /** The counters of the threads below an index, together. */
  counters(threads: number): QueueCounters {
    if (threads === 1) return this.of(0).counters.snapshot();
    return sumOf(Array.from({ length: threads }, (_, index) => this.of(index).counters.snapshot()));
  }

  /** So their durations. */
  durations(threads: number): DurationsSnapshot {
    if (threads === 1) return this.of(0).durations.snapshot();
    return durationsOf(Array.from({ length: threads }, (_, index) => this.of(index).durations.snapshot()));
  }
}
