// A lane as those around it see it: what its pool asks it, what it tells and needs, and when its connection may carry another request.

import type { Clock } from '../clock.ts';
import type { ClientConnection, ConnectionOwner } from '../connection/client-connection.ts';
import type { EndedRequest } from '../connection/client-exchange.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import { ENDING } from '../protocol/fastcgi/record.ts';
import type { Seat } from '../queue/seat.ts';
import type { Exit } from './exit.ts';
import type { LaneProcess, ProcessEnding } from './lane-process.ts';
import type { Program } from './program.ts';

/** A lane as its pool sees it; a test may bring its own. */
export interface LaneHandle extends Seat {
  /** Its place on the scoreboard; set by whoever puts it there. */
  slot: number;
  /** The process behind it, or that was when its last request ended; null while that is not known. */
  readonly process: LaneProcess | null;
  /** How the process ended that had the last request; null: it did not. */
  readonly exit: Exit | null;
  /** Whether it has a connection that stands and takes another request. */
  readonly isConnected: boolean;
  /** Its process has ended, though something holds the connection open: what it runs fails. */
  break(): void;
  /** Closes the connection: the user, if any, is not told of it. Repeatable. */
  close(): void;
}

/** What a lane tells whoever has it. */
export interface LaneEvents {
  /** It has learnt which process it speaks with, or does not know it any more. */
  laneKnown(lane: LaneHandle): void;
  /** Its connection was closed by the other side while it had no request. */
  laneLost(lane: LaneHandle, process: LaneProcess): void;
  /** A process that is none of the worker's children had taken its connection, and was ended. */
  laneForeign(lane: LaneHandle, pid: number): void;
  /** The probe ran, but could not tell in which process. */
  laneAnonymous(program: Program): void;
  /** Something that a script forked writes on for a request that has ended. @param of that request; null: it ended too long ago */
  laneStraggled(lane: LaneHandle, of: EndedRequest | null): void;
  /** Nobody read a request on a connection that had served before. @param isResent whether it was sent again on a new one */
  laneSilent(lane: LaneHandle, program: Program, isResent: boolean): void;
  /** Whether connections of this program are kept at all. */
  isReused(program: Program): boolean;
}

/** What a lane needs of its worker. */
export interface LaneWorker {
  readonly program: Program;
  readonly pid: number;
  readonly clock: Clock;
  /** Opens a connection to the program, whose failures its owner is told alone. */
  connect(owner: ConnectionOwner): ClientConnection;
  /** The process with this id, from now on known. */
  meet(pid: number): LaneProcess;
  /** Ends a process that serves the worker's socket without being a child of it. @returns false when it is the worker's own */
  endForeign(pid: number): boolean;
  /** How the process of a lane ended, and what that says of its request; null: it lives, as far as can be seen. */
  endOf(process: LaneProcess | null): ProcessEnding | null;
}

/** Whether a request of which no byte of an answer came may be sent again. */
export function mayResend({ idempotent, body, data }: CgiRequest): boolean {
  return idempotent && body?.replayable !== false && data?.replayable !== false;
}

/** Why a request failed; an application of ours that is about to end is as one that takes no connection any more. */
export function failureOf(error: PosternError, appStatus: number): PosternError {
  if (error.code !== 'OVERLOADED' || appStatus !== ENDING) return error;
  return new PosternError('CONNECT_FAILED', 'the process is about to end, and begins no more', { cause: error });
}

/** @param isTold whether the pool's log tells of it: one dead process is one line */
export function asTold(failure: PosternError, isTold: boolean): PosternError {
  if (!isTold || failure.isTold) return failure;
  const { code, message, fields } = failure;
  return new PosternError(code, message, { cause: failure, isTold, fields });
}
