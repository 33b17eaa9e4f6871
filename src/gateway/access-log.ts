// The access log: what is told of each request when it is over.

import { bytesToLog } from './bytes.ts';

/** One request that is over. Texts are escaped and safe to print; credentials are blanked. */
export interface AccessRecord {
  readonly site: string;
  readonly method: string;
  /** Request target, cut at 2048 bytes. */
  readonly url: string;
  readonly version: string;
  readonly host: string;
  /** The client's address, behind trusted proxies too. */
  readonly remoteAddress: string;
  /** The status that was sent; 499 when the client left before one was. */
  readonly status: number;
  /** Bytes of the body that were given to the front. */
  readonly bytes: number;
  /** From the request's head to the answer's end. */
  readonly durationMs: number;
  /** How long the request waited for a lane; null where no pool was asked. */
  readonly waitedMs: number | null;
  /** From the start at the backend (after the body came in) to the end of the answer, without the wait; null where none ran. */
  readonly runMs: number | null;
  /** Name of the backend, or null. */
  readonly pool: string | null;
  /** How it ended: complete, gone (the client left), aborted (the answer could not be completed). */
  readonly outcome: 'complete' | 'gone' | 'aborted';
  /** Code of the error that was answered or logged, or null. */
  readonly error: string | null;
}

/** Takes the records. */
export type AccessLog = (record: AccessRecord) => void;

const MAX_URL_LENGTH = 2048;

// Parameters by which applications pass on credentials; whoever reads the log must not be able to use them.
const SECRET =
  /([?&](?:password|passwd|pwd|token|access_token|refresh_token|id_token|api_?key|secret|client_secret|signature|sig|auth)=)[^&#]*/gi;

/** A request target as logs show it: credentials blanked, control bytes escaped, cut. */
export function urlForLog(target: string): string {
  const blanked = target.includes('?') ? target.replace(SECRET, '$1***') : target;
  return bytesToLog(blanked, MAX_URL_LENGTH);
}
