// The contract between the queue and what runs its requests: a provider has seats, a seat is the right to run one request now. Pure.

import type { ErrorCode } from '../errors.ts';
import type { CgiRequest, CgiSink, Progress } from '../protocol/cgi/exchange.ts';

/**
 * How the process ended that had a request:
 * `left`: on purpose, with exit 0; `crash`: by a fault of its own; `killed`: by a signal from outside; `memory`: by the kernel, for its memory;
 * `unknown`: nobody saw it.
 */
export type ProcessEnd = 'left' | 'crash' | 'killed' | 'memory' | 'unknown';

/** How a request ended on its seat. */
export interface SeatOutcome {
  /** Why it failed; null: the answer was complete. */
  readonly code: ErrorCode | null;
  /** Whether the program has said that it is done with the request. */
  readonly isDone: boolean;
  /** Whether the client left before the end. */
  readonly isAborted: boolean;
}

/** Who runs a request on a seat: the sink of its answer, until `released`. */
export interface SeatUser extends CgiSink {
  /** The seat has no request any more. Called once, after `end` or `fail`, never from within `run()`. */
  released(outcome: SeatOutcome): void;
}

/** The right to run one request now: a lane, a connection to a server elsewhere, a CGI slot, a place in an application. */
export interface Seat {
  /** How far the present request came. */
  readonly progress: Progress;
  /** How the process ended that had the request, where it did; null: it lives, or there is none. To be asked from within `fail`. */
  readonly processEnd: ProcessEnd | null;
  /** Bytes of an answer that came after `abort()`. */
  readonly discardedBytes: number;
  /** Whether what comes next is the client's to send: the program waits for more of the body. */
  readonly awaitsBody: boolean;
  /** The process that has the request; 0: it is not known, or there is none. */
  readonly pid: number;
  /**
   * Gives it a request. The user is not called before this returns.
   * @throws PARAMS_TOO_LARGE: then nothing was sent, and the seat has no request
   */
  run(request: CgiRequest, user: SeatUser): void;
  /** The user's sink takes bytes again. */
  resume(): void;
  /**
   * Looks whether its request may have been read by nobody, as happens on a connection that had served before, and sends it anew where that does
   * no harm. To be called now and then while it runs. @param silentMs so long not a byte may come @returns whether this seat sent it anew
   */
  lookForSilence?(nowMs: number, silentMs: number): boolean;
  /** The client left: the sink is called no more; `released` follows when the program is done with the request. Repeatable. */
  abort(): void;
}

/** What a provider sees of a request that wants a seat. */
export interface SeatSeeker {
  readonly request: CgiRequest;
  /** Seats that it has had; above 0 it runs again. */
  readonly attempts: number;
  /** How long it has waited for this one and those before it, in milliseconds. */
  readonly waitedMs: number;
  /** What the provider keeps about it between two attempts: the servers that were tried, for instance. */
  memo: unknown;
}

/** Where seats come from. Called synchronously by the queue; it may call the queue back from within. */
export interface SeatProvider<Place extends Seat = Seat> {
  /**
   * What a seat is called in messages, and the key that bounds their number: "lane", "workers"; what ends a process whose time is over; and
   * where there is none, what is done with the seat. @default SIGKILL, "the lane is closed"
   */
  readonly words: {
    readonly seat: string;
    readonly limit: string;
    readonly signal?: string;
    readonly taken?: string;
  };
  /** A seat that is free now; null: there is none for this request. */
  take(seeker: SeatSeeker): Place | null;
  /**
   * A request has ended on a seat, or was taken from it because its time was over: what becomes of the seat is the provider's to decide.
   * Its user is called no more from now on.
   */
  giveBack(place: Place, outcome: SeatOutcome, then: Then): void;
  /**
   * The number of those that wait has grown, or a seat was lost while some wait: get more seats ready, where that may be.
   * @param refused those that were refused just now for want of a seat
   */
  wanted(waiting: number, refused: number): void;
  /** Whether more seats are on their way to this queue than so many, though `take()` had none: from another thread. @default false */
  isComing?(beyond: number): boolean;
  /** Seats whose processes are starting. @default 0 */
  readonly starting?: number;
  /** Whether there is a place for a request that failed so which that failure says nothing of: another server, another process. */
  hasOther(seeker: SeatSeeker, code: ErrorCode): boolean;
}

/** What becomes of a request that left its seat: it has its answer, it failed, or it runs again. */
export type Then = 'answered' | 'failed' | 'again';
