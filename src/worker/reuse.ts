// When a lane's kept connection may carry another request, and what shows that nobody reads it. Pure.

import type { CgiRequest, Progress } from '../protocol/cgi/exchange.ts';
import type { Program } from './program.ts';

/**
 * So long not a byte may come on a connection that has served before. A thread of libfcgi may wait for its turn to accept, and nobody
 * reads the request meanwhile.
 */
const silentMs = 5_000;

/** CVE-2026-129289: of a body that a script did not read, an older PHP takes the rest for its next records. */
export function keepsAfter({ reuse }: Program, request: CgiRequest): boolean {
  return reuse === 'always' || (reuse === 'bodiless' && request.body === null);
}

/**
 * Whether a request must have a new connection: on a kept one it is lost where the program leaves just then, and it may not be sent twice.
 * A preforked child is known by its pid, and does not leave by itself.
 */
export function needsNew({ reuse, preforks }: Program, request: CgiRequest): boolean {
  return reuse === 'bodiless' && !preforks && !request.idempotent;
}

/** Whether nobody may have read a request on a connection that had served before. A preforked child does: it has nothing else to do. */
export function isSilent({ preforks }: Program, progress: Progress, forMs: number): boolean {
  return !preforks && progress !== 'answered' && forMs >= silentMs;
}

/** Whether a request of which no byte of an answer came may be sent again. */
export function mayResend({ idempotent, body, data }: CgiRequest): boolean {
  return idempotent && body?.replayable !== false && data?.replayable !== false;
}
