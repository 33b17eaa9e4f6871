// What an exchange's outcome means for the process behind its lane, and whether the request may be sent again. Pure.

import type { ErrorCode } from '../errors.ts';
import type { LaneOutcome } from '../worker/lane.ts';

/**
 * What becomes of a lane's process:
 * - `keep`: it has finished the request, and takes the next one;
 * - `leave`: it may be at work still, with nobody listening: it is asked to finish and go, and killed at the request's limit;
 * - `stop`: it does not keep to the protocol: SIGTERM, then SIGKILL;
 * - `kill`: SIGKILL now;
 * - `lost`: its connection broke: it is dead, or about to be;
 * - `unreachable`: its worker takes no connection any more: the whole worker is replaced.
 */
export type Fate = 'keep' | 'leave' | 'stop' | 'kill' | 'lost' | 'unreachable';

/** The one switch from the kind of a failure to the fate of a process. */
export function fateOf({ code, isDone, isAborted }: LaneOutcome): Fate {
  // The client left: nothing that was cut short for that says anything about the process.
  if (isAborted) return isDone ? 'keep' : 'leave';
  switch (code) {
    case null:
    case 'OVERLOADED':
      return 'keep';
    case 'ANSWER_TIMEOUT':
      return 'kill';
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

/** What is known of a request that failed. */
export interface Attempt {
  readonly code: ErrorCode;
  readonly isIdempotent: boolean;
  /** Whether its body, if any, can be sent again. */
  readonly isReplayable: boolean;
  /** Whether it is known that no process began it. */
  readonly isUnbegun: boolean;
  /** Whether a byte of the answer has come. */
  readonly hasAnswer: boolean;
  /** How often it was given to a lane, and how often of these it is not known that no process began it. */
  readonly attempts: number;
  readonly begun: number;
}

/** What a process may have begun is sent twice at most. */
const maxBegun = 2;
/** When all processes are killed at once, several lanes may turn out to be dead before the first death is seen. */
const maxAttempts = 10;

/** Whether to send it again: only where no process began it, or where it is idempotent and not one byte of answer came. */
export function mayRetry(attempt: Attempt): boolean {
  if (attempt.attempts >= maxAttempts || attempt.hasAnswer || !attempt.isReplayable) return false;
  if (attempt.isUnbegun) return true;
  return attempt.code === 'CONNECTION_LOST' && attempt.isIdempotent && attempt.begun < maxBegun;
}
