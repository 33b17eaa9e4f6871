// What the leader of the lease model and its threads say to each other.

import type { PoolShared } from '../../src/leases/lease-messages.ts';

/** The front threads of a play. */
export const fronts = [1, 2, 3];

/** What it is told to do when it is given the turn. */
export const orders = { none: 0, play: 1, settle: 2, answerOne: 3, count: 4, open: 5 } as const;

/** With what it opens a pool. */
export interface LeaseOpening {
  readonly shared: PoolShared;
  /** Which of those that this thread has opened: words to an earlier one are dropped. */
  readonly opening: number;
  readonly seed: number;
  readonly steps: number;
  readonly isKept: boolean;
}

/** A message, and to which opening it belongs. */
export interface Parcel {
  readonly opening: number;
  readonly message?: unknown;
  readonly begin?: LeaseOpening;
  readonly error?: string;
}
