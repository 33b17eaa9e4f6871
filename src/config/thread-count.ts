// How many front threads there are.

import { availableParallelism } from 'node:os';

/** The most: those that the word of a lane has room for, beside the main thread (`leases/lane-word.ts`). */
export const mostFrontThreads = 62;

/** How many are meant. "auto": as many as this process may use processors, by its affinity and its cgroup's quota. */
export function threadCount(threads: number | 'auto'): number {
  return threads === 'auto' ? Math.min(availableParallelism(), mostFrontThreads) : threads;
}
