// The head of an HTTP/2 request (RFC 9113, section 8.3.1), from the fields that a session gives, to what it is in the older versions: a method, a
// target in origin form, and fields with Host. What is no message in HTTP/2 at all, the session has refused. Pure.

import { PosternError } from '../../errors.ts';
import { fieldsBytes, maxFields, token } from './headers.ts';
import { parseHost } from './host.ts';
import { maxHeadBytes, maxTargetBytes } from './http1-head.ts';

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
}

/** The pseudo-header fields. */
interface Pseudo {
  method: string;
  path: string;
  scheme: string;
  /** null: there is none. */
  authority: string | null;
}

// As in HTTP/1.1: never a control byte, a space, or "#".
const noTarget = /[^\x21-\x22\x24-\x7e\x80-\xff]/;

/**
 * Reads a head.
 * @param raw name, value, name, value, as they came, pseudo-header fields too
 * @throws BAD_REQUEST, URI_TOO_LONG, HEADERS_TOO_LARGE, EXPECTATION_FAILED, METHOD_UNKNOWN
 */
export function readHttp2Head(raw: readonly string[]): Http2Head {
  const pseudo: Pseudo = { method: '', path: '', scheme: '', authority: null };
  const headers: string[] = ['Host', ''];
  let host: string | null = null;
  let cookieAt = -1;
  let contentLength: number | null = null;
  let expectsContinue = false;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const value = raw[at + 1]!;
    if (name.charCodeAt(0) === 0x3a) {
      takePseudo(pseudo, name, value);
      continue;
    }
    if (name === 'host') {
      if (host !== null) throw malformed('two Host headers');
      host = value;
      continue;
    }
    if (name === 'cookie') {
      // A client may cut it into pieces, so that those that stay the same are sent once (RFC 9113, 8.2.3).
      if (cookieAt !== -1) {
        headers[cookieAt] += `; ${value}`;
        continue;
      }
      cookieAt = headers.length + 1;
    } else if (name === 'content-length') contentLength = lengthOf(value, contentLength);
    else if (name === 'expect') expectsContinue = isContinue(value);
    headers.push(name, value);
  }
  headers[1] = authorityOf(pseudo, host);
  checkSize(headers);
  const target = targetOf(pseudo);
  return { method: pseudo.method, target, headers, contentLength, expectsContinue };
}

function takePseudo(pseudo: Pseudo, name: string, value: string): void {
  if (name === ':method') pseudo.method = value;
  else if (name === ':path') pseudo.path = value;
  else if (name === ':scheme') pseudo.scheme = value;
  else if (name === ':authority') pseudo.authority = value;
}

/** Host; a name that stands in both places must be the same (RFC 9113, 8.3.1): a proxy may have believed the other one. */
function authorityOf({ authority }: Pseudo, host: string | null): string {
  const value = authority ?? host;
  if (value === null) throw malformed('there is no :authority');
  if (authority !== null && host !== null && authority.toLowerCase() !== host.toLowerCase())
    throw malformed('Host is not :authority');
  if (parseHost(value) === null) throw malformed(':authority is not the name of a host');
  return value;
}

function targetOf({ method, path, scheme }: Pseudo): string {
  if (method === 'CONNECT') throw new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  if (method !== 'GET' && !token.test(method)) throw malformed('no method');
  if (scheme !== 'https' && scheme !== 'http') throw malformed('neither http nor https');
  if (path.length > maxTargetBytes) {
    throw new PosternError('URI_TOO_LONG', `the request target has ${path.length} bytes, more than ${maxTargetBytes}`);
  }
  const isTarget = path.charCodeAt(0) === 0x2f || (path === '*' && method === 'OPTIONS');
  if (!isTarget) throw malformed('the request target is not a path');
  if (noTarget.test(path)) throw malformed('the request target holds a byte that may not stand there');
  return path;
}

function lengthOf(value: string, before: number | null): number {
  if (before !== null || !/^[0-9]{1,15}$/.test(value)) throw malformed('Content-Length is not one number');
  return Number(value);
}

function isContinue(value: string): boolean {
  if (value.toLowerCase() === '100-continue') return true;
  throw new PosternError('EXPECTATION_FAILED', 'Expect is not 100-continue');
}

function checkSize(headers: readonly string[]): void {
  if (headers.length > maxFields * 2) {
    throw new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
  }
  if (fieldsBytes(headers) > maxHeadBytes) {
    throw new PosternError('HEADERS_TOO_LARGE', `the request head is larger than ${maxHeadBytes} bytes`);
  }
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request head is malformed: ${what}`);
}
