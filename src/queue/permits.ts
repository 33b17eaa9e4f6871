// How many requests a pool without lanes may run at a time: each runs with a permit, of this thread's own or leased from those of the whole pool.

import type { Clock } from '../clock.ts';
import type { Queue } from './queue.ts';
import type { QueueBooks } from './queue-books.ts';
import type { SharedRoom } from './queue-lines.ts';

/** The right to run one request. What it is, its maker knows. */
export type Permit = object;

/** Where permits come from. */
export interface Permits {
  /** One that is free; null: so many run as may. */
  take(): Permit | null;
  /** A request has ended. @param isKept whether a connection stays open that others may have to wait for */
  giveBack(permit: Permit, isKept: boolean): void;
  /** One that was taken was of no use now: no server has room. */
  putBack(permit: Permit): void;
  /** A process of our own runs with it, and the permit is not free before that has gone, whatever becomes of this thread. @param pid 0: it has gone */
  runs(permit: Permit, pid: number): void;
  /** See SeatProvider.wanted. */
  wanted(waiting: number): void;
  /** See SeatProvider.isComing. */
  isComing(beyond: number): boolean;
  /** From now on there are so many. */
  use(count: number): void;
}

/** Who has use of permits. */
export interface PermitUser {
  readonly queue: Pick<Queue, 'waiting' | 'waitingSinceMs' | 'serve'>;
  /** Others want permits that this thread holds: connections without a request are closed, until no server has more than so many. */
  closeKept(most: number): void;
  readonly clock: Clock;
}

/** What a queue has in common with those of the same pool in other threads. */
export interface QueueShare {
  readonly room: SharedRoom;
  readonly books: QueueBooks;
  permitsFor(user: PermitUser): Permits;
}

/** Permits of one thread alone. */
export class OwnPermits implements Permits {
  #count: number;
  #taken = 0;

  constructor(count: number) {
    this.#count = count;
  }

  take(): Permit | null {
    if (this.#taken >= this.#count) return null;
    this.#taken += 1;
    return this;
  }

  giveBack(): void {
    this.#taken -= 1;
  }

  putBack(): void {
    this.#taken -= 1;
  }

  runs(): void {}

  wanted(): void {}

  isComing(): boolean {
    return false;
  }

  use(count: number): void {
    this.#count = count;
  }
}
