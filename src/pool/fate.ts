// What an outcome means for the process behind a seat: the one switch from the kind of a failure to the fate of a process. Pure.

import type { SeatOutcome } from '../queue/seat.ts';
import type { Fate, Retirement } from './pool-state.ts';

/**
 * What becomes of a lane's process:
 * - `keep`: it has finished the request, and takes the next one;
 * - `leave`: it may be at work still, with nobody listening: it is asked to finish and go, and killed after a while;
 * - `stop`: it does not keep to the protocol: SIGTERM, then SIGKILL;
 * - `kill`: SIGKILL now;
 * - `lost`: its connection broke: it is dead, or about to be;
 * - `unreachable`: its worker takes no connection any more: the whole worker is replaced.
 */
export function fateOf({ code, isDone, isAborted }: SeatOutcome): Fate {
  // The client left: nothing that was cut short for that says anything about the process, but that it hangs.
  if (isAborted && code !== 'ANSWER_TIMEOUT' && code !== 'POOL_CLOSING') return isDone ? 'keep' : 'leave';
  switch (code) {
    case null:
    case 'OVERLOADED':
      return 'keep';
    case 'ANSWER_TIMEOUT':
    case 'POOL_CLOSING':
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

/** How long a process may take whose connection broke before it is killed: usually it is dead already. */
export const lostGraceMs = 1_000;

/** How a process is ended for a fate other than `keep`. @param leaveMs how long one may finish its work with nobody listening */
export function endingOf(
  fate: Exclude<Fate, 'keep'>,
  leaveSignal: NodeJS.Signals,
  stopTimeoutMs: number,
  leaveMs: number,
): Retirement {
  switch (fate) {
    case 'leave':
      return { reason: 'abandoned', signal: leaveSignal, graceMs: Math.max(leaveMs, lostGraceMs) };
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
