// What is a request in HTTP/2 at all (RFC 9113, sections 8.1 to 8.3 and 8.5): what breaks these rules is reset, and no handler hears of it. Pure.

import { token } from '../protocol/http/headers.ts';

const colon = 0x3a;

/** Fields that are about a connection of HTTP/1.1 (8.2.2). */
export const ofConnection: ReadonlySet<string> = new Set([
  ...['connection', 'http2-settings', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

const notInPath = /[\x00-\x20\x7f]/;
const authorityBytes = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]+$/;
const decimal = /^[0-9]{1,15}$/;

/** A request that is none. */
export const malformed = -2;

/**
 * Looks at the fields of a request, whose bytes have been looked at.
 * @param isWhole whether no body follows
 * @returns its Content-Length; -1: it has none; `malformed`
 */
export function requestLength(fields: readonly string[], isWhole: boolean): number {
  let method: string | null = null;
  let scheme: string | null = null;
  let path: string | null = null;
  let authority: string | null = null;
  let host: string | null = null;
  let length = -1;
  let at = 0;
  for (; at < fields.length && fields[at]!.charCodeAt(0) === colon; at += 2) {
    const value = fields[at + 1]!;
    switch (fields[at]) {
      case ':method':
        if (method !== null) return malformed;
        method = value;
        break;
      case ':scheme':
        if (scheme !== null) return malformed;
        scheme = value;
        break;
      case ':path':
        if (path !== null) return malformed;
        path = value;
        break;
      case ':authority':
        if (authority !== null) return malformed;
        authority = value;
        break;
      default:
        return malformed;
    }
  }
  for (; at < fields.length; at += 2) {
    const name = fields[at]!;
    if (name.charCodeAt(0) === colon) return malformed;
    const value = fields[at + 1]!;
    if (name === 'host') {
      if (host !== null) return malformed;
      host = value;
    } else if (name === 'content-length') {
      if (length !== -1 || !decimal.test(value)) return malformed;
      length = Number(value);
    } else if (ofConnection.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) return malformed;
  }
  if (isWhole && length > 0) return malformed;
  if (!isAuthority(authority, host) || method === null) return malformed;
  if (method === 'CONNECT') return scheme === null && path === null ? length : malformed;
  if (scheme === null || scheme === '' || (method !== 'GET' && !token.test(method))) return malformed;
  return isPath(path, method) ? length : malformed;
}

/** Whether fields may stand at the end of a body (8.1). */
export function isTrailer(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) if (fields[at]!.charCodeAt(0) === colon) return false;
  return true;
}

function isAuthority(authority: string | null, host: string | null): boolean {
  if (authority === null && host === null) return false;
  if (authority !== null && !authorityBytes.test(authority)) return false;
  return host === null || authorityBytes.test(host);
}

function isPath(path: string | null, method: string): boolean {
  if (path === null || notInPath.test(path)) return false;
  return path.charCodeAt(0) === 0x2f || (path === '*' && method === 'OPTIONS');
}
