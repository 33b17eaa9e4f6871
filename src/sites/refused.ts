// Requests that no gateway gets: answered here, and told of in the access log.

import { PosternError } from '../errors.ts';
import type { Refusal } from '../front/http1-refusal.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { HttpAnswer, HttpRequest } from '../gateway/message.ts';
import type { AccessRecord } from '../gateway/request-log.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { parseHost } from '../protocol/http/host.ts';
import { bytesToLog } from '../protocol/text.ts';

/** Answers a request for a name that no site has, or whose Host is no name. @returns its record */
export function refuseUnknown(request: HttpRequest, answer: HttpAnswer): AccessRecord {
  const { method, target: url, version, peer, headers } = request;
  const hosts = fieldValues(headers, 'host');
  const [host = ''] = hosts;
  const isWellFormed = hosts.length === 1 ? parseHost(host) !== null : hosts.length === 0 && version === '1.0';
  const error = isWellFormed
    ? new PosternError('MISDIRECTED', `no site has the name ${bytesToLog(host, 128)}: see host in [site.NAME]`)
    : new PosternError('BAD_REQUEST', 'the Host field is missing, comes twice or is not valid');
  const bytes = refuse(request, answer, error);
  const refused = refusedRecord(unread, { error, remoteAddress: peer.remoteAddress, bytes });
  return { ...refused, method, url: bytesToLog(url, 2_048), version, host: bytesToLog(host, 128) };
}

/** For a request for a site before the service was started, and once a reload has taken the site away. */
export const notServed = (site: string): PosternError =>
  new PosternError('POOL_CLOSING', `site ${site} is not served now`);

/** @returns bytes of the answer's body */
export function refuse(request: HttpRequest, answer: HttpAnswer, error: PosternError): number {
  const { status, headers, body } = errorAnswer(error, request.headers);
  answer.head(status, headers);
  answer.write(body);
  answer.end();
  return body.length;
}

/** Nothing that was sent is shown: it could not be read. */
const unread = '-';

/** The record of a refusal. */
export function refusedRecord(site: string, { error, remoteAddress, bytes }: Refusal): AccessRecord {
  return { ...unreadRecord(remoteAddress), site, status: error.status, bytes, error: error.code, why: error.message };
}

/** The record of what no site was asked for. */
export function unreadRecord(remoteAddress: string): AccessRecord {
  return {
    site: unread,
    method: unread,
    url: unread,
    version: unread,
    host: '',
    remoteAddress,
    status: 0,
    bytes: 0,
    durationMs: 0,
    waitedMs: null,
    runMs: null,
    pool: null,
    outcome: 'complete',
    error: null,
    why: null,
    firstByteMs: null,
    pid: 0,
    attempts: 0,
    userAgent: null,
    referer: null,
    requestId: unread,
    traceId: null,
    script: null,
    user: null,
    contentLength: null,
    asked: null,
  };
}
