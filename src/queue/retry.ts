// The one rule for sending a request again. Pure.

import type { ErrorCode } from '../errors.ts';
import type { Progress } from '../protocol/cgi/exchange.ts';
import type { ProcessEnd } from './seat.ts';

/** What is known of a request that failed. */
export interface FailedAttempt {
  readonly code: ErrorCode;
  readonly progress: Progress;
  /** How the process ended that had it; null: it did not, or there is none. */
  readonly end: ProcessEnd | null;
  readonly isIdempotent: boolean;
  /** Whether its bodies, if any, can be sent again. */
  readonly isReplayable: boolean;
  /** Whether there is a place for it that this failure says nothing of: another server, another process. */
  readonly hasOther: boolean;
  /** How often it was given to a seat, and how often of these a program may have begun it. */
  readonly attempts: number;
  readonly begun: number;
}

/** What a program may have begun is sent twice at most. */
const maxBegun = 2;
/** When every process is killed at once, as many seats may turn out to be dead before the first death is seen. */
const maxAttempts = 100;

/** Failures that say nothing of the request: elsewhere it may do better. */
const ofThePlace: ReadonlySet<ErrorCode> = new Set([
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'ANSWER_TIMEOUT',
  'PROTOCOL_ERROR',
  'ANSWER_INVALID',
  'ANSWER_TRUNCATED',
]);

/**
 * 1. A body that was read and cannot be read again cannot be sent again; a fault of the request itself is final.
 * 2. An answer that has begun is final: a byte of STDERR or of half a head is one.
 * 3. A server that has too much already is asked no more, another one is.
 * 4. What no program began runs again, whatever its method: not one byte left, or the process had left on purpose. Where no connection
 *    was to be had, only elsewhere.
 * 5. A request that made its process crash, or use up the memory, would do so to the next one.
 * 6. What may have been begun is sent again once, and only when it is idempotent: when the connection broke, or to another server.
 */
export function mayRetry(failed: FailedAttempt): boolean {
  const { code, progress, end, isIdempotent, isReplayable, hasOther, attempts, begun } = failed;
  if (!isReplayable || attempts >= maxAttempts) return false;
  if (progress === 'answered') return false;
  if (code === 'OVERLOADED') return hasOther;
  if (!ofThePlace.has(code)) return false;
  if (code === 'CONNECT_FAILED') return hasOther;
  if (progress === 'unsent' || end === 'left') return true;
  if (end === 'crash' || end === 'memory' || !isIdempotent || begun >= maxBegun) return false;
  return code === 'CONNECTION_LOST' || hasOther;
}
