// What is answered for a file: its type, validators and ranges (RFC 9110, sections 8, 13 and 14), and which of its bytes.

import { randomBytes } from 'node:crypto';
import { lookup } from 'mrmime';
import { checkConditions, isRangeMeant, type Validators } from '../protocol/http/conditions.ts';
import { fieldValue, isNamed } from '../protocol/http/headers.ts';
import { type ByteRange, parseRange } from '../protocol/http/ranges.ts';

/** What is asked of a file. */
export interface FileRequest {
  readonly method: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
}

/** A file as it is. */
export interface FileFacts {
  /** Real path, a byte string. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** A part of a file, and what stands before it. */
export interface FilePart extends ByteRange {
  readonly before: Buffer | null;
}

/** An answer for a file. */
export interface FileAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** What of the file is sent. */
  readonly parts: readonly FilePart[];
  /** What stands behind the last part. */
  readonly after: Buffer | null;
}

/**
 * Decides what is answered.
 * @param more fields that win over those of the file (name, value, ...), but for those that only who has the bytes can know
 */
export function fileAnswer({ method, headers }: FileRequest, file: FileFacts, more: readonly string[]): FileAnswer {
  const validators = validatorsOf(file);
  const about = [
    ...['Accept-Ranges', 'bytes'],
    ...['Last-Modified', new Date(validators.modifiedMs).toUTCString()],
    ...['ETag', validators.etag],
  ];
  const state = checkConditions(headers, validators);
  if (state === 'same') return bodiless(304, merge(about, more));
  if (state === 'changed') return bodiless(412, merge([...about, 'Content-Length', '0'], withoutType(more)));
  const asked = method === 'GET' ? fieldValue(headers, 'range') : undefined;
  const range = asked === undefined || !isRangeMeant(headers, validators) ? 'whole' : parseRange(asked, file.size);
  if (range === 'none') {
    const length = ['Content-Range', `bytes */${file.size}`, 'Content-Length', '0'];
    return bodiless(416, merge([...about, ...length], withoutType(more)));
  }
  const type = fieldValue(more, 'content-type') ?? typeOf(file.path);
  if (range === 'whole') {
    const parts = method === 'HEAD' ? [] : [{ before: null, start: 0, end: file.size }];
    const head = merge([...about, 'Content-Type', type, 'Content-Length', String(file.size)], more);
    return { status: 200, headers: head, parts, after: null };
  }
  const [only] = range;
  if (range.length === 1) {
    const length = ['Content-Range', contentRange(only!, file), 'Content-Length', String(only!.end - only!.start)];
    const head = merge([...about, 'Content-Type', type, ...length], more);
    return { status: 206, headers: head, parts: [{ before: null, ...only! }], after: null };
  }
  return severalParts(range, file, type, merge(about, withoutType(more)));
}

/** RFC 9110, section 14.6. */
function severalParts(ranges: readonly ByteRange[], file: FileFacts, type: string, headers: string[]): FileAnswer {
  const boundary = randomBytes(18).toString('base64url');
  let length = 0;
  const parts = ranges.map((range, i): FilePart => {
    const head = `Content-Type: ${type}\r\nContent-Range: ${contentRange(range, file)}\r\n\r\n`;
    const before = Buffer.from(`${i === 0 ? '' : '\r\n'}--${boundary}\r\n${head}`, 'latin1');
    length += before.length + range.end - range.start;
    return { before, ...range };
  });
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  headers.push('Content-Type', `multipart/byteranges; boundary=${boundary}`);
  headers.push('Content-Length', String(length + after.length));
  return { status: 206, headers, parts, after };
}

function contentRange({ start, end }: ByteRange, { size }: FileFacts): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

/** Weak: a file may be written twice within what its time can tell. */
function validatorsOf({ size, mtimeMs }: FileFacts): Validators {
  return { etag: `W/"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`, modifiedMs: mtimeMs };
}

/** Without a type a browser guesses one, and an upload that looks like a page becomes one. */
export function typeOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const type = (name.includes('.') ? lookup(name) : undefined) ?? 'application/octet-stream';
  return /^text\/|^application\/(?:javascript|json)$/.test(type) ? `${type}; charset=utf-8` : type;
}

function bodiless(status: number, headers: readonly string[]): FileAnswer {
  return { status, headers, parts: [], after: null };
}

/** The file's fields without those that `more` has, then those. */
function merge(own: readonly string[], more: readonly string[]): string[] {
  const merged: string[] = [];
  for (let i = 0; i < own.length; i += 2) {
    if (isOurs(own[i]!) || fieldValue(more, own[i]!.toLowerCase()) === undefined) merged.push(own[i]!, own[i + 1]!);
  }
  for (let i = 0; i < more.length; i += 2) {
    if (!isOurs(more[i]!)) merged.push(more[i]!, more[i + 1]!);
  }
  return merged;
}

/** What only the one who has the bytes can know. */
function isOurs(name: string): boolean {
  return isNamed(name, 'content-length') || isNamed(name, 'content-range') || isNamed(name, 'accept-ranges');
}

/** Those of an answer that is not the file, or has its own type. */
function withoutType(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!isNamed(headers[i]!, 'content-type')) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

/** What is asked of a file that a program sends: conditions and ranges count where the request could have been for the file. */
export function fileRequest({ method, headers }: FileRequest): FileRequest {
  return method === 'GET' || method === 'HEAD' ? { method, headers } : { method: 'GET', headers: [] };
}
