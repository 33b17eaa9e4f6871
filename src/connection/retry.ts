// Whether a request that failed may be sent again, to another application or over another connection. Pure.

import type { ClientExchange } from './client-exchange.ts';

/** What the rule looks at. */
export type FailedExchange = Pick<ClientExchange, 'request' | 'progress' | 'error'>;

/**
 * 1. A body that was read and cannot be read again cannot be sent again.
 * 2. The client's fault, or an answer that came, is final.
 * 3. Of what no application can have begun, nothing is lost: not one byte left, or it was refused with OVERLOADED.
 * 4. Of what may have been begun, only an idempotent request is sent again, and only when the connection broke before one byte of answer came.
 */
export function mayRetry({ request, progress, error }: FailedExchange): boolean {
  if (error === null || request.body?.replayable === false || request.data?.replayable === false) return false;
  if (error.code === 'OVERLOADED' || error.code === 'CONNECT_FAILED') return true;
  if (error.code !== 'CONNECTION_LOST' || progress === 'answered') return false;
  return progress === 'unsent' || request.idempotent;
}
