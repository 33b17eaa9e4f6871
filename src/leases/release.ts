// What the end of a request means for the process behind its lane: whether it takes the next one, and what is told of that which was lost. Pure.

import type { StopReason } from '../queue/pool-snapshot.ts';
import type { SeatOutcome } from '../queue/seat.ts';
import type { Exit } from '../worker/exit.ts';

/** What becomes of a process whose request has ended: see `verdictOn()`. */
export type Verdict = 'keep' | 'leave' | 'stop' | 'kill' | 'end' | 'lost' | 'unreachable';

/** How a request has ended: what becomes of its process, why that has had its time though it is kept, and what was lost. */
export interface Release {
  readonly verdict: Verdict;
  readonly reason: StopReason | null;
  readonly lost: LostRequest | null;
}

/** A request that was running in a process when its connection broke. */
export interface LostRequest {
  readonly pid: number;
  readonly method: string;
  readonly url: string;
  readonly ranMs: number;
  /** How the process ended; null: it lives. */
  readonly exit: Exit | null;
  /** Whether the kernel ended it for its memory. */
  readonly isOutOfMemory: boolean;
  readonly isAgain: boolean;
}

/** When a process has had its time. */
export interface RecycleLimits {
  /** A process above minWorkers that was idle so long is stopped. 0: never. */
  readonly idleTimeoutMs: number;
  /** A process is recycled after so many requests. 0: never. */
  readonly maxRequests: number;
  /** A process is recycled at this age, when idle. 0: never. */
  readonly maxAgeMs: number;
  /** A process is recycled when idle above this resident size, in bytes; above twice of it as soon as its request is done. 0: never. */
  readonly maxMemoryBytes: number;
}

/**
 * What becomes of a lane's process after a request that ended so:
 * - `keep`: it has finished the request, and takes the next one;
 * - `leave`: it may be at work still, with nobody listening: it is asked to finish and go, and killed after a while;
 * - `stop`: it does not keep to the protocol: SIGTERM, then SIGKILL;
 * - `kill`: SIGKILL now; `end`: the same, since an operator wants it;
 * - `lost`: its connection broke: it is dead, or about to be;
 * - `unreachable`: its worker takes no connection any more: the whole worker is replaced.
 */
export function verdictOn({ code, isDone, isAborted }: SeatOutcome): Verdict {
  // The client left: nothing that was cut short for that says anything about the process, but that it hangs.
  const isOurs = code === 'ANSWER_TIMEOUT' || code === 'POOL_CLOSING' || code === 'REQUEST_ENDED';
  if (isAborted && !isOurs) return isDone ? 'keep' : 'leave';
  switch (code) {
    case null:
    case 'OVERLOADED':
      return 'keep';
    case 'ANSWER_TIMEOUT':
    case 'POOL_CLOSING':
      return 'kill';
    case 'REQUEST_ENDED':
      return 'end';
    case 'CONNECT_FAILED':
      return 'unreachable';
    case 'CONNECTION_LOST':
    case 'ANSWER_TRUNCATED':
      return isDone ? 'keep' : 'lost';
    case 'PROTOCOL_ERROR':
    case 'CANT_MULTIPLEX':
    case 'UNKNOWN_ROLE':
      return 'stop';
    // The application's answer, or the request itself, was at fault: that is no reason to end a process.
    default:
      return isDone ? 'keep' : 'leave';
  }
}
