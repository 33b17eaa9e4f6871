// The states of an HTTP/1.1 connection, which may follow which, and what it needs of its front.
//
//   waiting -> idle -> head -> running -> sending -> idle ... ; any -> lingering -> closed

import type { PosternError } from '../errors.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import type { ClientLimits, Waiting } from './client-limits.ts';
import type { SpareBlock } from './http1-answer.ts';
import type { DeadlineOwner } from './http1-limits.ts';
import type { Refusal } from './http1-refusal.ts';

/** What all connections of a front share. */
export interface ConnectionOwner extends DeadlineOwner {
  readonly handler: HttpHandler;
  readonly onRefused: (refusal: Refusal) => void;
  readonly clients: ClientLimits;
  readonly log: Log;
  /** Logs what was no request. */
  tellRefused(error: PosternError, client: string): void;
  readonly spare: SpareBlock;
  readonly isClosing: boolean;
  readonly dateLine: string;
  /** The connection is closed. */
  removed(connection: Waiting): void;
}

/**
 * Where a connection is. waiting: others have to go first, and nothing is read. idle: nothing of a request has come. head: part of a head has. running: the handler has a request.
 * sending: its answer is complete, and more of it waits for the client than a socket holds. lingering: we have ended our side.
 */
export type ConnectionState = 'waiting' | 'idle' | 'head' | 'running' | 'sending' | 'lingering' | 'closed';

const moves: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  waiting: ['idle', 'closed'],
  idle: ['waiting', 'head', 'running', 'lingering', 'closed'],
  head: ['running', 'lingering', 'closed'],
  running: ['idle', 'sending', 'lingering', 'closed'],
  sending: ['idle', 'lingering', 'closed'],
  lingering: ['closed'],
  closed: [],
};

/** @returns where it is to go. @throws when that cannot follow: a fault of ours */
export function moveConnection(from: ConnectionState, to: ConnectionState): ConnectionState {
  if (!moves[from].includes(to)) throw new Error(`a connection cannot go from ${from} to ${to}`);
  return to;
}
