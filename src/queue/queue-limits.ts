// What a queue is made from, its limits and its phases. Limits have the names of the configuration, with units; 0 is "no limit", but for those that may wait.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { QueueBooks } from './queue-books.ts';
import type { SharedRoom } from './queue-lines.ts';
import type { Seat, SeatProvider } from './seat.ts';
import type { LookAtProcess } from './slow-record.ts';

/** What a queue may do. Every duration is in milliseconds. */
export interface QueueLimits {
  /** Seats that there may be, for messages and metrics; Infinity: as many as the provider has. */
  readonly seats: number;
  /** Requests that may wait for a seat. 0: none waits. */
  readonly queue: number;
  /** How long one may wait. 0: it is refused at once when no seat is free. */
  readonly queueTimeoutMs: number;
  /** From the first seat to the end of the answer, over all attempts; not counted while we hold the program back. 0: no limit. */
  readonly requestTimeoutMs: number;
  /** The longest silence of a program: before its answer, and between two pieces of it. 0: no limit. */
  readonly readTimeoutMs: number;
  /** A request that has run so long is looked at and noted, once. 0: none is. @default 0 */
  readonly slowAfterMs?: number;
}

/** How long a request may wait for a seat that another thread is about to let go of, where none may wait for one. */
export const comingMs = 1_000;

/** What a queue is made from. */
export interface QueueOptions<Place extends Seat> {
  /** The pool's name. */
  readonly name: string;
  readonly provider: SeatProvider<Place>;
  readonly limits: QueueLimits;
  /** Where several threads serve one pool. @default its own */
  readonly room?: SharedRoom;
  /** @default of its own */
  readonly books?: QueueBooks;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLog */
  readonly log?: Log;
  /** What a process is doing at this moment, for slow requests. @default it is not known */
  readonly look?: LookAtProcess;
}

/**
 * Only in this order, but that an operator has it go from `open` to `drained` and back. `open`: takes requests. `drained`: takes none, serves
 * those that wait. `closing`: the same, for good. `served`: nobody waits any more, and nobody will: what fails now is not run again.
 * `closed`: nobody runs, or all was ended.
 */
export type QueuePhase = 'open' | 'drained' | 'closing' | 'served' | 'closed';
