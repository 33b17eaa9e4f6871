// What an exchange's outcome means for the process behind its lane, and whether the request may be sent again. Pure.

import type { ErrorCode } from '../errors.ts';
import type { LaneOutcome } from '../worker/lane.ts';
import type { StopReason } from '../worker/state.ts';

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

/** How a process is ended for a fate other than `keep`. */
export interface ProcessEnd {
  readonly reason: StopReason;
  readonly signal: NodeJS.Signals;
  /** Before SIGKILL. */
  readonly graceMs: number;
}

/** How long a process may take whose connection broke before it is killed: usually it is dead already. */
export const lostGraceMs = 1_000;

/** What the end of a process depends on. */
export interface EndOptions {
  readonly leaveSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
  /** What was left of the request's time. */
  readonly leftMs: number;
}

/** See Fate. */
export function endOf(fate: Exclude<Fate, 'keep'>, { leaveSignal, stopTimeoutMs, leftMs }: EndOptions): ProcessEnd {
  switch (fate) {
    case 'leave':
      return { reason: 'abandoned', signal: leaveSignal, graceMs: Math.max(leftMs, lostGraceMs) };
    case 'stop':
      return { reason: 'protocol-error', signal: 'SIGTERM', graceMs: stopTimeoutMs };
    case 'kill':
      return { reason: 'timeout', signal: 'SIGKILL', graceMs: 0 };
    case 'lost':
      return { reason: 'crash', signal: 'SIGTERM', graceMs: lostGraceMs };
    case 'unreachable':
      return { reason: 'crash', signal: 'SIGTERM', graceMs: stopTimeoutMs };
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

/** Whether to send it again: not to a program that has too much already; only where no process began it, or where it is idempotent and not one byte of answer came. */
export function mayRetry(attempt: Attempt): boolean {
  if (attempt.attempts >= maxAttempts || attempt.hasAnswer || !attempt.isReplayable) return false;
  if (attempt.code === 'OVERLOADED') return false;
  if (attempt.isUnbegun) return true;
  return attempt.code === 'CONNECTION_LOST' && attempt.isIdempotent && attempt.begun < maxBegun;
}
