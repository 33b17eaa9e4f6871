// What a lane makes of failures: which may come of the end of its process, and which are no fault of a worker. Pure.

import { type ErrorCode, PosternError } from '../errors.ts';

/** Whether a failure may come of the end of a process. */
export function isBroken({ code }: PosternError): boolean {
  return code === 'CONNECTION_LOST' || code === 'ANSWER_TRUNCATED';
}

/** Whether the other side closed the connection with bytes of ours unread: Linux says so on a Unix socket. */
export function isUnread({ cause }: PosternError): boolean {
  const code = (cause as NodeJS.ErrnoException | null | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** What connect(2) fails with where it is we who have no room. */
export const shortages: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

/** The code that decides a process's fate: that we have no descriptor left is no fault of a worker. */
export function codeOf({ code, cause }: PosternError): ErrorCode {
  const isShortage = code === 'CONNECT_FAILED' && shortages.has((cause as NodeJS.ErrnoException | undefined)?.code);
  return isShortage ? 'OVERLOADED' : code;
}

/** @param isTold whether the pool's log tells of it: one dead process is one line */
export function withoutBlame(reported: PosternError, isTold = reported.isTold): PosternError {
  const code = codeOf(reported);
  if (code === reported.code && isTold === reported.isTold) return reported;
  return new PosternError(code, reported.message, { cause: reported, isTold, fields: reported.fields });
}
