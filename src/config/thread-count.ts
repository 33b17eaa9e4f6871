// How many front threads there are.

import { availableParallelism } from 'node:os';

/** The most: those that the word of a lane has room for, beside the main thread (`leases/lane-word.ts`). */
export const mostFrontThreads = 62;

/** How many front threads: "auto" is one a processor. */
export type Threads = number | 'auto';

/** Where nothing says how many. */
export const defaultThreads: Threads = 1;

/** How many are meant. "auto": as many as this process may use processors, by its affinity and its cgroup's quota. */
export function threadCount(threads: Threads): number {
  return threads === 'auto' ? Math.min(availableParallelism(), mostFrontThreads) : threads;
}
