// The head of an HTTP/1.1 request (RFC 9112, sections 2 to 7), read strictly: its request line, its fields, and how its body is framed. Pure.

import { PosternError } from '../../errors.ts';
import { endOfTarget, endOfToken, inOnePiece } from '../bytes.ts';
import type { Pairs } from '../cgi/exchange.ts';
import { isNamed, parseFields } from './headers.ts';
import { parseHost } from './host.ts';

/** Longest request target, in bytes. */
export const maxTargetBytes = 16_384;

/** Longest head, in bytes. */
export const maxHeadBytes = 65_536;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;

const absoluteForm = /^https?:\/\/([^/?]*)/i;

/** The fields' part of the environment, as FastCGI's pairs, and what it was made by: see `protocol/cgi/environment.ts`. */
export interface FieldPairs {
  readonly pairs: Pairs;
  readonly names: object;
  readonly configured: object | null;
  readonly hasHost: boolean;
}

/** What logs show of fields: see `gateway/request-log.ts`. */
export interface ShownFields {
  readonly host: string;
  readonly userAgent: string | null;
  readonly referer: string | null;
  readonly traceId: string | null;
}

/** What those who take a request made of its fields. */
export interface MadeOfFields {
  /** How long they are, with the empty line after them. */
  readonly bytes: number;
  /** Content-Type, which is looked for with each request; null: there is none. */
  readonly contentType: string | null;
  pairs: FieldPairs | null;
  shown: ShownFields | null;
}

/** A request without its body. Byte strings. */
export interface RequestHead {
  readonly method: string;
  /** "/a?b" or "*". */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** Name, value, name, value. Where the target came in absolute form, Host is the target's. */
  readonly headers: readonly string[];
  /** From Content-Length; null where there is none. */
  readonly contentLength: number | null;
  /** Whether the body comes in chunks. */
  readonly isChunked: boolean;
  /** Whether the client means to send another request on this connection. */
  readonly keepsAlive: boolean;
  /** Whether the client waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** Of fields that came before; null: these did not. */
  readonly made: MadeOfFields | null;
}

/**
 * Reads a head.
 * @param bytes the head with the empty line that ends it
 * @param text the same bytes as a byte string, of which the parts are cut
 * @param from where the head begins
 * @param to where the last CR LF, that of the empty line, begins
 * @param host a value of Host that is known to be valid; then the present one
 * @throws BAD_REQUEST, URI_TOO_LONG, HEADERS_TOO_LARGE, EXPECTATION_FAILED, METHOD_UNKNOWN, CODING_UNKNOWN, VERSION_UNSUPPORTED
 */
export function parseRequestHead(
  bytes: Uint8Array,
  text: string,
  from: number,
  to: number,
  host: CheckedHost = { value: null },
): RequestHead {
  const methodEnd = endOfToken(bytes, from);
  if (methodEnd === from || bytes[methodEnd] !== space) throw malformed('no method');
  const targetEnd = endOfTarget(bytes, methodEnd + 1);
  if (bytes[targetEnd] !== space) throw wrongTarget(bytes[targetEnd]);
  const version = versionAt(text, targetEnd + 1);
  const method = text.slice(from, methodEnd);
  // Methods are an open set (RFC 9110, 9.1): what one means is the program's to say. CONNECT alone is about the connection.
  if (method === 'CONNECT') throw new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  const headers = parseFields(bytes, text, targetEnd + 11, to);
  const meaning = interpret(headers, version, host);
  // Values have lost their white space, and not every proxy counts a tab as such: "chunked" with one is unknown to those.
  if (meaning.isChunked && tabInCoding.test(text.slice(targetEnd, to)))
    throw malformed('Transfer-Encoding holds a tab');
  const target = originForm(inOnePiece(text.slice(methodEnd + 1, targetEnd)), method, headers, meaning);
  return {
    method,
    target,
    version,
    headers,
    contentLength: meaning.contentLength,
    isChunked: meaning.isChunked,
    keepsAlive: meaning.keepsAlive ?? version === '1.1',
    expectsContinue: meaning.expectsContinue,
    made: null,
  };
}

const tabInCoding = /\r\ntransfer-encoding:[^\r]*\t/i;

function wrongTarget(byte: number | undefined): PosternError {
  return malformed(
    byte === cr ? 'the request line has no version' : 'the request target holds a byte that may not stand there',
  );
}

function versionAt(text: string, at: number): '1.0' | '1.1' {
  if (text.startsWith('HTTP/1.1\r\n', at)) return '1.1';
  if (text.startsWith('HTTP/1.0\r\n', at)) return '1.0';
  const version = /^HTTP\/\d\.\d(?=\r\n)/.exec(text.slice(at, at + 10));
  if (version) throw new PosternError('VERSION_UNSUPPORTED', `${version[0]} is not spoken here`);
  throw malformed('the request line does not end in a version of HTTP');
}

/** A value of Host that is valid; null: none is known. */
export interface CheckedHost {
  value: string | null;
}

/** What the fields say to the front itself. */
interface Meaning {
  /** Where the value of Host stands among the headers; -1: there is none. */
  hostAt: number;
  contentLength: number | null;
  isChunked: boolean;
  /** The values of Transfer-Encoding. */
  coding: string;
  /** null: not said. */
  keepsAlive: boolean | null;
  expectsContinue: boolean;
}

function interpret(headers: string[], version: '1.0' | '1.1', host: CheckedHost): Meaning {
  const meaning: Meaning = {
    hostAt: -1,
    contentLength: null,
    isChunked: false,
    coding: '',
    keepsAlive: null,
    expectsContinue: false,
  };
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    // Only names of these lengths are looked at, so that the others need no copy in lower case.
    switch (name.length) {
      case 4:
        if (isNamed(name, 'host')) readHost(meaning, headers, at + 1, host);
        break;
      case 6:
        if (isNamed(name, 'expect')) readExpect(meaning, headers[at + 1]!, version);
        break;
      case 10:
        if (isNamed(name, 'connection')) readConnection(meaning, headers[at + 1]!);
        break;
      case 14:
        if (isNamed(name, 'content-length')) readContentLength(meaning, headers[at + 1]!);
        break;
      case 17:
        if (isNamed(name, 'transfer-encoding')) readTransferEncoding(meaning, headers[at + 1]!, version);
        break;
    }
  }
  if (meaning.hostAt === -1 && version === '1.1') throw malformed('there is no Host');
  // Two framings are how a request is smuggled past a proxy that believes the other one (RFC 9112, 6.1).
  if (meaning.isChunked && meaning.contentLength !== null) throw malformed('Content-Length beside Transfer-Encoding');
  if (meaning.isChunked) checkTransferCodings(meaning.coding);
  return meaning;
}

function readHost(meaning: Meaning, headers: string[], at: number, host: CheckedHost): void {
  if (meaning.hostAt !== -1) throw malformed('two Host headers');
  const value = headers[at]!;
  if (value !== host.value) {
    if (parseHost(value) === null) throw malformed('Host is not the name of a host');
    host.value = inOnePiece(value);
  }
  // What is remembered of a client is not to hold its whole head.
  headers[at] = host.value;
  meaning.hostAt = at;
}

function readExpect(meaning: Meaning, value: string, version: '1.0' | '1.1'): void {
  if (value.toLowerCase() !== '100-continue') {
    throw new PosternError('EXPECTATION_FAILED', 'Expect is not 100-continue');
  }
  // A client of HTTP/1.0 would take the 100 for the answer (RFC 9110, 10.1.1).
  meaning.expectsContinue = version === '1.1';
}

function readConnection(meaning: Meaning, value: string): void {
  // What nearly every client says.
  if (value === 'keep-alive') {
    meaning.keepsAlive ??= true;
    return;
  }
  for (const option of value.toLowerCase().split(',')) {
    const word = option.trim();
    if (word === 'close') meaning.keepsAlive = false;
    else if (word === 'keep-alive') meaning.keepsAlive ??= true;
  }
}

function readContentLength(meaning: Meaning, value: string): void {
  // A second one, or a list, is refused even where the numbers are the same: nobody honest sends that.
  if (meaning.contentLength !== null || !/^[0-9]{1,16}$/.test(value))
    throw malformed('Content-Length is not one number');
  meaning.contentLength = Number(value);
  if (meaning.contentLength > Number.MAX_SAFE_INTEGER) throw malformed('Content-Length is too large');
}

function readTransferEncoding(meaning: Meaning, value: string, version: '1.0' | '1.1'): void {
  if (version === '1.0') throw malformed('Transfer-Encoding in HTTP/1.0');
  // An empty field counts: a proxy that reads only one of two would see another framing than we do.
  meaning.coding = meaning.isChunked ? `${meaning.coding},${value}` : value;
  meaning.isChunked = true;
}

/**
 * Checks the transfer codings of a request (RFC 9112, sections 6.1 and 6.3), all fields joined: where "chunked" is not the last one, nobody can say
 * where the body ends; beside it, others are not decoded here.
 * @throws BAD_REQUEST, CODING_UNKNOWN
 */
export function checkTransferCodings(coding: string): void {
  const names = coding.split(',').map((name) => name.trim().toLowerCase());
  if (names.pop() !== 'chunked' || names.includes('chunked'))
    throw malformed('Transfer-Encoding does not end in one "chunked"');
  if (names.includes('')) throw malformed('Transfer-Encoding has an empty element');
  if (names.length > 0) {
    throw new PosternError('CODING_UNKNOWN', 'a transfer coding other than "chunked" is not decoded here');
  }
}

/** The target in origin form; Host among the headers is set to the authority of one in absolute form (RFC 9112, 3.2.2). */
function originForm(target: string, method: string, headers: string[], meaning: Meaning): string {
  if (target.length > maxTargetBytes) {
    throw new PosternError(
      'URI_TOO_LONG',
      `the request target has ${target.length} bytes, more than ${maxTargetBytes}`,
    );
  }
  if (target.startsWith('/')) return target;
  if (target === '*' && method === 'OPTIONS') return target;
  const absolute = absoluteForm.exec(target);
  const authority = absolute?.[1];
  if (!absolute || authority === undefined || parseHost(authority) === null)
    throw malformed('the request target is not a path');
  if (meaning.hostAt === -1) headers.push('Host', authority);
  else headers[meaning.hostAt] = authority;
  const rest = target.slice(absolute[0].length);
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function malformed(what: string): PosternError {
  return new PosternError('BAD_REQUEST', `the request head is malformed: ${what}`);
}

// What is refused before all of it has come.

/** Where it begins in what came. */
export function startOfHead(text: string): number {
  return text.charCodeAt(0) === cr && text.charCodeAt(1) === lf ? 2 : 0;
}

/** Refuses at once what no further byte can mend, so that its sender need not wait for a timeout. */
export function refuseEarly(text: string, searched: number): void {
  // Its first byte is none that a request could begin with.
  if (text.startsWith('\x16')) {
    throw new PosternError(
      'TLS_ON_PLAIN_PORT',
      'a TLS hello came to a port where plain HTTP is spoken: https:// was meant for http://',
    );
  }
  let before = searched === 0 ? 0 : text.charCodeAt(searched - 1);
  for (let at = searched; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const isWrong =
      code === lf ? before !== cr : before === cr || code === 0x7f || (code < 0x20 && code !== tab && code !== cr);
    if (isWrong)
      throw new PosternError(
        'BAD_REQUEST',
        'the request head holds a control byte, or a line that does not end in CR LF',
      );
    before = code;
  }
  const from = startOfHead(text);
  const lineEnd = text.indexOf('\r\n', from);
  if (text.length > maxTargetBytes + 64 && lineEnd === -1) throw tooLarge(text);
  // HTTP/0.9 has neither a version nor an empty line that ends its head: nothing more will come.
  if (lineEnd !== -1 && !/ HTTP\/\d\.\d$/.test(text.slice(Math.max(from, lineEnd - 9), lineEnd))) {
    throw new PosternError('BAD_REQUEST', 'the request line does not end in a version of HTTP');
  }
}

export function tooLarge(text: string): PosternError {
  const line = text.indexOf('\r\n', startOfHead(text));
  if (line === -1 || line > maxTargetBytes + 64) {
    return new PosternError('URI_TOO_LONG', `the request line is longer than ${maxTargetBytes} bytes`);
  }
  return new PosternError('HEADERS_TOO_LARGE', `the request head is larger than ${maxHeadBytes} bytes`);
}
