// A record of the access log, for what writes it.

import type { AccessRecord } from '../../src/gateway/request-log.ts';

/** A request that PHP has answered. */
export const accessRecord: AccessRecord = {
  site: 'main',
  method: 'GET',
  url: '/a.php?b=1',
  version: '1.1',
  host: 'example.org',
  remoteAddress: '192.0.2.7',
  status: 200,
  bytes: 5,
  durationMs: 1.23456789,
  waitedMs: null,
  runMs: 0,
  firstByteMs: 0.5,
  pool: 'php',
  pid: 4242,
  attempts: 1,
  outcome: 'complete',
  error: null,
  why: null,
  userAgent: 'curl/8',
  referer: null,
  requestId: 'abc-1',
  traceId: null,
  script: '/srv/www/a.php',
  user: 'joe',
  contentLength: null,
  asked: null,
};
