// Header fields: lists of them (name, value, name, value; RFC 9110, section 5), how they are read from the bytes of HTTP/1.1 (RFC 9112,
// section 5; strictly: what is not well formed is refused, never mended), and the value of Host. Pure.

import { PosternError } from '../../errors.ts';

/** Fields at most in one head or trailer. */
export const maxFields = 200;

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;

/** A token as a whole (RFC 9110, 5.6.2). */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const tokenBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

/** HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5): everything but the other control bytes. */
export const valueBytes = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

// Wider than RFC 3986: browsers and links in the wild send "{" and "|" as they are, and some clients a path as bytes of UTF-8. Never a
// control byte, a space, or "#": what follows it never belongs to a request.
const targetBytes = tableOf((code) => code > 0x20 && code !== 0x7f && code !== 0x23);

/**
 * Names that clients usually send, each as one string for ever: a name that was cut from a head costs several times as much wherever it is
 * compared or looked up. As they are usually written; each is known in lower case, too. Names of RFC 9110, of browsers, and of what
 * proxies add.
 */
const usual = [
  ...['Accept', 'Accept-Charset', 'Accept-Encoding', 'Accept-Language', 'Access-Control-Request-Headers'],
  ...[
    'Access-Control-Request-Method',
    'Authorization',
    'Baggage',
    'Cache-Control',
    'Connection',
    'Content-Disposition',
  ],
  ...[
    'Content-Encoding',
    'Content-Language',
    'Content-Length',
    'Content-Type',
    'Cookie',
    'DNT',
    'Date',
    'Expect',
    'Forwarded',
  ],
  ...[
    'From',
    'Host',
    'If-Match',
    'If-Modified-Since',
    'If-None-Match',
    'If-Range',
    'If-Unmodified-Since',
    'Keep-Alive',
  ],
  ...['Origin', 'Pragma', 'Priority', 'Proxy-Authorization', 'Purpose', 'Range', 'Referer', 'SOAPAction', 'Save-Data'],
  ...['Sec-CH-UA', 'Sec-CH-UA-Arch', 'Sec-CH-UA-Mobile', 'Sec-CH-UA-Model', 'Sec-CH-UA-Platform', 'Sec-Fetch-Dest'],
  ...['Sec-Fetch-Mode', 'Sec-Fetch-Site', 'Sec-Fetch-User', 'Sec-GPC', 'Sec-Purpose', 'Sec-WebSocket-Extensions'],
  ...[
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Version',
    'TE',
    'Traceparent',
    'Tracestate',
    'Trailer',
  ],
  ...[
    'Transfer-Encoding',
    'Upgrade',
    'Upgrade-Insecure-Requests',
    'User-Agent',
    'Via',
    'X-CSRF-Token',
    'X-Forwarded-For',
  ],
  ...['X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Server', 'X-HTTP-Method-Override'],
  ...['X-Real-IP', 'X-Request-ID', 'X-Requested-With', 'X-XSRF-Token'],
];

const slotCount = 1024;

interface Known {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const slots: readonly (readonly Known[])[] = (() => {
  const made: Known[][] = Array.from({ length: slotCount }, () => []);
  // Keys of an object are strings that V8 has once only: two of them are compared by where they are.
  const once = Object.keys(
    Object.fromEntries([...usual, ...usual.map((name) => name.toLowerCase())].map((n) => [n, 0])),
  );
  for (const name of once) {
    made[slotOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))]!.push({
      name,
      bytes: Buffer.from(name, 'latin1'),
    });
  }
  return made;
})();

/** The value of the first field of that name, or undefined. @param name in lower case */
export function fieldValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) return headers[i + 1];
  }
  return undefined;
}

/** The values of all fields of that name, in order. @param name in lower case */
export function fieldValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) values.push(headers[i + 1]!);
  }
  return values;
}

/** Whether there is no more than one field of that name. @param name in lower case */
export function hasOne(headers: readonly string[], name: string): boolean {
  let count = 0;
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i]!, name)) count += 1;
  return count <= 1;
}

/** What the fields take on the wire, in bytes: name, colon, space, value, CRLF. */
export function fieldsBytes(headers: readonly string[]): number {
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) bytes += headers[i]!.length + headers[i + 1]!.length + 4;
  return bytes;
}

/** Whether a field's name is that name, in any ASCII case. @param wanted in lower case */
export function isNamed(name: string, wanted: string): boolean {
  if (name.length !== wanted.length) return false;
  if (name === wanted) return true;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    const lower = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    if (lower !== wanted.charCodeAt(at)) return false;
  }
  return true;
}

/**
 * Reads the field lines of `bytes` from `from` up to `to`, each of which ends in CR LF.
 * @param text the same bytes as a byte string, of which names and values are cut
 * @returns name, value, name, value; names as they came, values without the white space around them
 * @throws BAD_REQUEST, HEADERS_TOO_LARGE
 */
export function parseFields(bytes: Uint8Array, text: string, from: number, to: number): string[] {
  const fields: string[] = [];
  for (let at = from; at < to; ) {
    // A line that begins with white space (obs-fold), or has it before the colon, has no token for a name.
    const nameEnd = endOfToken(bytes, at);
    if (nameEnd === at || bytes[nameEnd] !== colon) throw malformedField('a header line has no valid name');
    let begin = nameEnd + 1;
    while (isBlank(bytes[begin])) begin += 1;
    const lineEnd = endOfValue(bytes, begin);
    if (bytes[lineEnd] !== cr || bytes[lineEnd + 1] !== lf) throw malformedField('a header value holds a control byte');
    let end = lineEnd;
    while (end > begin && isBlank(bytes[end - 1])) end -= 1;
    if (fields.length === maxFields * 2) {
      throw new PosternError('HEADERS_TOO_LARGE', `the request has more than ${maxFields} header fields`);
    }
    fields.push(usualName(bytes, at, nameEnd) ?? text.slice(at, nameEnd), text.slice(begin, end));
    at = lineEnd + 2;
  }
  return fields;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}

function malformedField(what: string): PosternError {
  return new PosternError('BAD_REQUEST', what);
}

/** Where the run of token bytes ends that begins at `from`. */
export function endOfToken(bytes: Uint8Array, from: number): number {
  return endOfRun(tokenBytes, bytes, from);
}

/** Where the run of bytes ends that a field value may hold, white space too. */
export function endOfValue(bytes: Uint8Array, from: number): number {
  return endOfRun(valueBytes, bytes, from);
}

/** Where the run of bytes ends that a request target may hold. */
export function endOfTarget(bytes: Uint8Array, from: number): number {
  return endOfRun(targetBytes, bytes, from);
}

// Over bytes, not over the string: on strings `charCodeAt` costs twice as much, and this is most of a head's reading.
function endOfRun(table: Uint8Array, bytes: Uint8Array, from: number): number {
  let at = from;
  while (table[bytes[at]!] === 1) at += 1;
  return at;
}

/** Of each byte, 1 where it is allowed. */
export function tableOf(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0));
}

// What follows is the Host field (RFC 9110, section 7.2): a name or address, and perhaps a port.

/** A Host field, taken apart. */
export interface Host {
  /** Name, IPv4 address, or IPv6 address in brackets; in lower case. */
  readonly name: string;
  /** null where none was given. */
  readonly port: number | null;
}

// Names as DNS and people write them ("_" too); nothing of a URL's other characters, since programs paste this into links.
const HOST = /^(?:([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}))|(\[[0-9A-Fa-f:.]{2,45}\]))(?::(\d{1,5}))?$/;

/** Reads a Host field; null when it is not valid. */
export function parseHost(value: string): Host | null {
  const match = HOST.exec(value);
  if (match === null) return null;
  if (match[2] !== undefined && !isIPv6(match[2].slice(1, -1))) return null;
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && port > 65535) return null;
  return { name: (match[1] ?? match[2]!).toLowerCase(), port };
}

/** Whether a text is an IPv6 address without a zone (RFC 4291, section 2.2). */
function isIPv6(text: string): boolean {
  const [head = '', tail, third] = text.split('::');
  if (third !== undefined) return false;
  const before = groupsOf(head, tail === undefined);
  const after = tail === undefined ? 0 : groupsOf(tail, true);
  return tail === undefined ? before === 8 : before + after <= 7;
}

/** How many groups of 16 bits a part has; infinite where it is none. @param isLast whether it may end in an IPv4 address */
function groupsOf(part: string, isLast: boolean): number {
  if (part === '') return 0;
  const groups = part.split(':');
  const last = groups.at(-1)!;
  const isMixed = isLast && last.includes('.');
  if (isMixed) groups.pop();
  if (isMixed && !/^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(last))
    return Number.POSITIVE_INFINITY;
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return Number.POSITIVE_INFINITY;
  return groups.length + (isMixed ? 2 : 0);
}

/** The name that stands in `bytes` from `from` up to `to`, at least one byte; undefined: it is none that is usual. */
export function usualName(bytes: Uint8Array, from: number, to: number): string | undefined {
  const length = to - from;
  const found = slots[slotOf(length, bytes[from]!, bytes[to - 1]!)]!;
  for (let i = 0; i < found.length; i += 1) {
    const known = found[i]!;
    if (isThere(known.bytes, bytes, from, length)) return known.name;
  }
  return undefined;
}

function isThere(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[from + at]) return false;
  return true;
}

function slotOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 5 + last * 11) % slotCount;
}
