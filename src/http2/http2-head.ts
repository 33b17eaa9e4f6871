// A request of HTTP/2 (RFC 9113, sections 8.1 to 8.3 and 8.5), from its fields to what it is in the older versions: a method, a target in origin form, and
// fields with Host. What breaks the rules of HTTP/2 is reset, and no handler hears of it; a request that only we do not take is answered. Pure.

import { PosternError } from '../errors.ts';
import { fieldsBytes, maxFields, token } from '../protocol/http/headers.ts';
import { parseHost } from '../protocol/http/host.ts';
import { maxHeadBytes, maxTargetBytes } from '../protocol/http/http1-head.ts';

/** A request without its body. Byte strings. */
export interface Http2Head {
  readonly method: string;
  /** "/a?b" or "*". */
  readonly target: string;
  /** Name, value, name, value; `:authority` is Host, and the pieces of Cookie are one field. */
  readonly headers: string[];
  /** From Content-Length; null where there is none. */
  readonly contentLength: number | null;
  /** Whether the client waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** What it is answered with in place of a handler's answer; null: it is taken. */
  readonly refusal: PosternError | null;
}

/** The pseudo-header fields; null: not there. */
interface Pseudo {
  method: string | null;
  scheme: string | null;
  path: string | null;
  authority: string | null;
  /** Where the other fields begin. */
  end: number;
}

/** Fields that are about a connection of HTTP/1.1 (8.2.2). */
export const ofConnection: ReadonlySet<string> = new Set([
  ...['connection', 'http2-settings', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

const colon = 0x3a;
const notInPath = /[\x00-\x20\x7f]/;
// As in HTTP/1.1: never a control byte, a space, or "#".
const notInTarget = /[^\x21-\x22\x24-\x7e\x80-\xff]/;
const authorityBytes = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]+$/;
const decimal = /^[0-9]{1,15}$/;

/**
 * Reads a head.
 * @param fields name, value, name, value, as they came, pseudo-header fields too; their bytes have been looked at
 * @param isWhole whether no body follows
 * @returns null: it is no request, and its stream is reset
 */
export function readHttp2Head(fields: readonly string[], isWhole: boolean): Http2Head | null {
  const pseudo = readPseudo(fields);
  if (pseudo === null) return null;
  const headers: string[] = ['Host', ''];
  let host: string | null = null;
  let cookieAt = -1;
  let contentLength: number | null = null;
  let expected: string | null = null;
  for (let at = pseudo.end; at < fields.length; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    if (name.charCodeAt(0) === colon) return null;
    if (name === 'host') {
      if (host !== null) return null;
      host = value;
      continue;
    }
    if (name === 'cookie') {
      // A client may cut it into pieces, so that those that stay the same are sent once (8.2.3).
      if (cookieAt !== -1) {
        headers[cookieAt] += `; ${value}`;
        continue;
      }
      cookieAt = headers.length + 1;
    } else if (name === 'content-length') {
      if (contentLength !== null || !decimal.test(value)) return null;
      contentLength = Number(value);
    } else if (name === 'expect') {
      if (expected === null || isContinue(expected)) expected = value;
    } else if (ofConnection.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) return null;
    headers.push(name, value);
  }
  if (isWhole && contentLength !== null && contentLength > 0) return null;
  if (!isRequest(pseudo) || !isAuthority(pseudo.authority, host)) return null;
  headers[1] = (pseudo.authority ?? host)!;
  return {
    method: pseudo.method!,
    target: pseudo.path ?? '',
    headers,
    contentLength,
    expectsContinue: expected !== null,
    refusal: refusalOf(pseudo, host, headers, expected),
  };
}

/** Whether fields may stand at the end of a body (8.1). */
export function isTrailer(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) if (fields[at]!.charCodeAt(0) === colon) return false;
  return true;
}

/** Those stand first, each once; null: they do not. */
function readPseudo(fields: readonly string[]): Pseudo | null {
  const pseudo: Pseudo = { method: null, scheme: null, path: null, authority: null, end: 0 };
  let at = 0;
  for (; at < fields.length && fields[at]!.charCodeAt(0) === colon; at += 2) {
    const value = fields[at + 1]!;
    switch (fields[at]) {
      case ':method':
        if (pseudo.method !== null) return null;
        pseudo.method = value;
        break;
      case ':scheme':
        if (pseudo.scheme !== null) return null;
        pseudo.scheme = value;
        break;
      case ':path':
        if (pseudo.path !== null) return null;
        pseudo.path = value;
        break;
      case ':authority':
        if (pseudo.authority !== null) return null;
        pseudo.authority = value;
        break;
      default:
        return null;
    }
  }
  pseudo.end = at;
  return pseudo;
}

function isRequest({ method, scheme, path }: Pseudo): boolean {
  if (method === null) return false;
  if (method === 'CONNECT') return scheme === null && path === null;
  if (scheme === null || scheme === '' || (method !== 'GET' && !token.test(method))) return false;
  if (path === null || notInPath.test(path)) return false;
  return path.charCodeAt(0) === 0x2f || (path === '*' && method === 'OPTIONS');
}

function isAuthority(authority: string | null, host: string | null): boolean {
  if (authority === null && host === null) return false;
  if (authority !== null && !authorityBytes.test(authority)) return false;
  return host === null || authorityBytes.test(host);
}

/** Why we do not take it, though it keeps the rules of HTTP/2. */
function refusalOf(
  { method, scheme, path, authority }: Pseudo,
  host: string | null,
  headers: readonly string[],
  expected: string | null,
): PosternError | null {
  if (expected !== null && !isContinue(expected))
    return new PosternError('EXPECTATION_FAILED', 'Expect is not 100-continue');
  // A proxy may have believed the other one (8.3.1).
  if (authority !== null && host !== null && authority.toLowerCase() !== host.toLowerCase())
    return malformed('Host is not :authority');
  if (parseHost(headers[1]!) === null) return malformed(':authority is not the name of a host');
  if (headers.length > maxFields * 2)
    return new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
  if (fieldsBytes(headers) > maxHeadBytes)
    return new PosternError('HEADERS_TOO_LARGE', `the request head is larger than ${maxHeadBytes} bytes`);
  if (method === 'CONNECT' || path === null) return new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  if (scheme !== 'https' && scheme !== 'http') return malformed('neither http nor https');
  if (path.length > maxTargetBytes) {
    const message = `the request target has ${path.length} bytes, more than ${maxTargetBytes}`;
    return new PosternError('URI_TOO_LONG', message);
  }
  return notInTarget.test(path) ? malformed('the request target holds a byte that may not stand there') : null;
}

function isContinue(expected: string): boolean {
  return expected.toLowerCase() === '100-continue';
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request head is malformed: ${what}`);
}
