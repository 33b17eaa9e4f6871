// Why a connection to an application was lost, as an error, and what such an error says. Pure.

import { PosternError, shortages } from '../errors.ts';

/** What is known of a connection that ended by itself. */
export interface Loss {
  /** Its address as text. */
  readonly name: string;
  /** null: it was closed in peace. */
  readonly cause: NodeJS.ErrnoException | null;
  /** Whether it stood, and the application took or sent a byte. */
  readonly isReached: boolean;
  /** Whether what came ends between two records. */
  readonly isBetweenRecords: boolean;
}

/** CONNECT_FAILED, OVERLOADED where nobody was reached for want of room, or CONNECTION_LOST. */
export function lossError({ name, cause, isReached, isBetweenRecords }: Loss): PosternError {
  if (!isReached) {
    // No room here, or a full backlog there: not the application's fault.
    const code = shortages.has(cause?.code) ? 'OVERLOADED' : 'CONNECT_FAILED';
    return new PosternError(code, `cannot connect to ${name}: ${cause?.message ?? 'it was closed'}`, { cause });
  }
  const where = isBetweenRecords ? 'before END_REQUEST' : 'within a record';
  const why = cause === null ? 'was closed by the program' : `broke (${cause.message})`;
  return new PosternError('CONNECTION_LOST', `the connection to ${name} ${why} ${where}`, { cause });
}

/** Whether a failure may come of the end of a process. */
export function isBroken({ code }: PosternError): boolean {
  return code === 'CONNECTION_LOST' || code === 'ANSWER_TRUNCATED';
}

/** Whether the other side closed the connection with bytes of ours unread: Linux says so on a Unix socket. */
export function isUnread({ cause }: PosternError): boolean {
  const code = (cause as NodeJS.ErrnoException | null | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}
