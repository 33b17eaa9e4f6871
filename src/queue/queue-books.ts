// What a queue writes down of its requests: counters, durations and numbers; for a pool with several threads each thread's in memory that they share.

import { Counters, counterBytes, type QueueCounters, sumOf } from './counters.ts';
import { Durations, type DurationsSnapshot, durationBytes, durationsOf } from './durations.ts';
import { RequestNumbers } from './request-numbers.ts';

/** The books of one queue: it alone writes them. */
export interface QueueBooks {
  readonly counters: Counters;
  readonly durations: Durations;
  readonly numbers: RequestNumbers;
}

const bookBytes = counterBytes + durationBytes;
/** Numbers of requests that a thread has for itself. */
const numbersPerThread = 1e9;

export function newBooks(): QueueBooks {
  return { counters: new Counters(), durations: new Durations(), numbers: new RequestNumbers() };
}

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
    return new SharedArrayBuffer(threads * bookBytes);
  }

  /** Those of a thread. */
  of(index: number): QueueBooks {
    const from = index * bookBytes;
    this.#opened[index] ??= {
      counters: new Counters(this.memory, from),
      durations: new Durations(this.memory, from + counterBytes),
      numbers: new RequestNumbers(index * numbersPerThread),
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
