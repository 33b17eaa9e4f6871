// What the access log tells of a connection that brought no request: a head that is malformed, too large or too slow. Pure.

import type { Refusal } from '../front/http1-refusal.ts';
import type { AccessRecord } from '../gateway/request-log.ts';

/** Nothing that was sent is shown: it could not be read. */
const unread = '-';

/** The record of a refusal. */
export function refusedRecord(site: string, { error, remoteAddress, bytes }: Refusal): AccessRecord {
  return {
    site,
    method: unread,
    url: unread,
    version: unread,
    host: '',
    remoteAddress,
    status: error.status,
    bytes,
    durationMs: 0,
    waitedMs: null,
    runMs: null,
    pool: null,
    outcome: 'complete',
    error: error.code,
  };
}
