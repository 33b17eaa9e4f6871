// The head of a CGI answer: its fields, status and redirects (RFC 3875, section 6). Pure.
//
// Where programs are careless it takes what Apache's mod_cgid takes: a status is the number that its text begins with, and of two
// Status or Content-Type lines the last one counts. Two lengths, control bytes and lines without a colon are refused.

import { PosternError } from '../../errors.ts';
import type { CgiHead } from './exchange.ts';

/** A head, and how the body behind it is framed by the program itself. */
export interface OutputHead {
  readonly head: CgiHead;
  /** Length of the body by the program's own word; null where it gave none, or chunks. */
  readonly contentLength: number | null;
  /** Whether the program chunks its body, which only one may that speaks HTTP itself (NPH). */
  readonly isChunked: boolean;
}

/** One field and the end of its line. Names are tokens (RFC 9110, 5.6.2), values hold no control byte but the tab. */
const FIELD = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n/y;
/** A line with a colon whose name is no token, such as the "<!--: spam" of Python's cgitb; a line that begins with a blank goes on with the one before. */
const NO_FIELD = /(?![ \t])[^:\x00-\x1f\x7f]*:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n/y;
/** Fields that are between two neighbours on a connection (RFC 9110, 7.6.1), which the program is not one of; also Proxy-*. */
const HOP_BY_HOP = new Set(['keep-alive', 'te', 'trailer', 'upgrade']);
/** The first line of a program that speaks HTTP itself (non-parsed headers). */
const STATUS_LINE = /HTTP\/\d\.\d (\d{3}(?: [^\x00-\x08\x0a-\x1f\x7f]*)?)\r?\n/y;
/** How many of the lines that were lost are told, and how much of each. */
const MAX_LOST_LINES = 3;
const MAX_LOST_LENGTH = 100;

/** Reads one head, with the empty line that ends it. @throws ANSWER_INVALID */
export function parseHead(text: string, maxFields: number): OutputHead {
  const fields: string[] = [];
  const lostLines: string[] = [];
  const isNph = text.startsWith('HTTP/');
  let status: string | null = null;
  let connection = '';
  let coding = '';
  let length = '';
  let location = '';
  let type = -1;
  let count = 0;
  let at = 0;
  if (isNph) {
    STATUS_LINE.lastIndex = 0;
    const line = STATUS_LINE.exec(text);
    if (line === null) throw invalid(`its status line is not valid: ${excerpt(text, 0)}`);
    status = line[1]!;
    at = STATUS_LINE.lastIndex;
  }
  const end = text.length - (text.endsWith('\r\n') ? 2 : 1);
  while (at < end) {
    count += 1;
    if (count > maxFields) throw invalid(`its header has more than ${maxFields} fields`);
    FIELD.lastIndex = at;
    const field = FIELD.exec(text);
    if (field === null) {
      at = endOfLostLine(text, at, lostLines);
      continue;
    }
    at = FIELD.lastIndex;
    const name = field[1]!;
    const lowerName = name.toLowerCase();
    const value = trimBlanks(field[2]!);
    switch (lowerName) {
      case 'status':
        status = value;
        continue;
      case 'content-type':
        if (type >= 0) {
          fields[type] = value;
          continue;
        }
        type = fields.length + 1;
        break;
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) throw invalid(`its Content-Length is ${excerpt(value, 0)}`);
        if (length !== '' && length !== value) throw invalid(`it has two Content-Lengths: ${length} and ${value}`);
        if (length !== '') continue;
        length = value;
        break;
      case 'transfer-encoding':
        coding += coding === '' ? value : `, ${value}`;
        continue;
      case 'connection':
        connection += `,${value}`;
        continue;
      case 'location':
        location = value;
        break;
      default:
        if (HOP_BY_HOP.has(lowerName) || lowerName.startsWith('proxy-')) continue;
    }
    fields.push(name, value);
  }
  // Text that happens to hold a colon is no header: of one at least one line is a field.
  if (count > 0 && lostLines.length === count) throw invalid(`its header has no field: ${excerpt(text, 0)}`);
  const isChunked = isNph && coding !== '';
  if (isChunked && coding.toLowerCase() !== 'chunked') throw invalid(`its Transfer-Encoding is ${excerpt(coding, 0)}`);
  const headers = withoutNamed(fields, isChunked ? `${connection},content-length` : connection);
  const answered = status === null ? withoutStatus(headers, location) : { ...parseStatus(status), headers };
  const told = lostLines.length === 0 ? answered : { ...answered, lostLines: lostLines.slice(0, MAX_LOST_LINES) };
  const closes = connection !== '' && /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(connection);
  const head = closes ? { ...told, closes } : told;
  return { head, contentLength: length === '' || isChunked ? null : Number(length), isChunked };
}

/**
 * The target of a local redirect (RFC 3875, section 6.2.2), which is run again inside the server; null for any other head.
 * Only a head that holds nothing but a Location whose value begins with one "/" is one.
 */
export function localRedirectOf(head: CgiHead): string | null {
  const [name, target] = head.headers;
  if (head.status !== 200 || head.headers.length !== 2 || name!.toLowerCase() !== 'location') return null;
  return isLocal(target!) ? target! : null;
}

/** The error for an answer that is no CGI answer. */
export function invalid(what: string): PosternError {
  return new PosternError('ANSWER_INVALID', `the program's answer is not a CGI answer: ${what}`);
}

/** Notes a line that is no field. @returns where the next one begins @throws ANSWER_INVALID where it cannot be left out */
function endOfLostLine(text: string, at: number, lostLines: string[]): number {
  NO_FIELD.lastIndex = at;
  const line = NO_FIELD.exec(text);
  if (line === null) throw invalid(`its header has a line that is no field: ${excerpt(text, at)}`);
  lostLines.push(line[0].trimEnd().slice(0, MAX_LOST_LENGTH));
  return NO_FIELD.lastIndex;
}

/** RFC 3875, section 6.2: without Status, a Location makes a redirect: inside the server when it is local and alone, else 302. */
function withoutStatus(headers: string[], location: string): CgiHead {
  if (location === '' || (headers.length === 2 && isLocal(location))) return { status: 200, reason: '', headers };
  return { status: 302, reason: '', headers };
}

/** A path and query, and nothing else: what a fragment points to is the client's business. */
function isLocal(location: string): boolean {
  return location.startsWith('/') && !location.startsWith('//') && !location.includes('#');
}

/** Takes the number that the text begins with, as Apache's atoi() does: "200OK" and "404-Not-Found" are seen in the wild. */
function parseStatus(text: string): { status: number; reason: string } {
  const status = Number(/^\+?(\d+)/.exec(text)?.[1] ?? 0);
  if ((status < 200 && status !== 103) || status > 999) {
    throw invalid(`its Status is ${excerpt(text, 0)}; it must be 200 to 999, or 103`);
  }
  return { status, reason: /^\d{3} /.test(text) ? text.slice(4) : '' };
}

/** A value without the blanks around it; not trim(), which takes 0xA0 for a blank, and that may be half a letter here. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Fields without those that a Connection field names. */
function withoutNamed(fields: string[], connection: string): string[] {
  if (connection === '') return fields;
  const named = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    if (!named.has(fields[index]!.toLowerCase())) kept.push(fields[index]!, fields[index + 1]!);
  }
  return kept;
}

/** The beginning of a line, as JSON, so that nothing in it can disturb a terminal. */
function excerpt(text: string, at: number): string {
  return JSON.stringify(text.slice(at, at + 60).replace(/[\r\n].*/s, ''));
}
