// Sends files: types, validators and ranges (RFC 9110, sections 8.8, 13 and 14) by @fastify/send, the bytes by ourselves.
//
// send is asked as for HEAD, so it opens nothing. The file is opened here by its real path, and is sent only if that path still
// leads to it without a link: a program that may write under the root could otherwise put a link in the place of a folder, and
// have files sent that only this process may read. A small file is read at once and leaves in one write. One of up to 1 MiB that is
// asked for again is held in memory for as long as its path is believed and a stat says that it is the same.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { PosternError, toPosternError } from '../errors.ts';
import { isNamed } from '../protocol/http/headers.ts';
import type { Entry } from './document-root.ts';
import { FilePump, SparePieces } from './file-pump.ts';
import { type FileHolder, HeldFiles } from './held-files.ts';
import type { Reply } from './reply.ts';

/** Files up to this size are read at once. */
const SMALL_FILE_BYTES = 65_536;
/** Files up to this size are held when they are asked for again: the system has them in memory then, so reading one takes no time. */
const MAX_HELD_FILE_BYTES = 1_048_576;

/** What is asked of a file. */
export interface FileRequest {
  readonly method: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
}

/** What was answered for a file to who asked for no more than the file. */
interface PlainAnswer extends FileHolder {
  readonly stats: Stats;
  readonly headers: readonly string[];
}

/** Sends the files of a site. */
export class StaticFiles {
  /** The same few files are asked for again and again: while they are as they were, so is the head of their answer. */
  readonly #plain = new WeakMap<Entry, PlainAnswer>();
  readonly #held = new HeldFiles();
  readonly #spare = new SparePieces();

  /**
   * Sends a file, or answers why not. Never throws.
   * @param moreHeaders fields that win over those of the file (name, value, ...), as a program gave them with X-Sendfile
   */
  send(reply: Reply, request: FileRequest, entry: Entry, moreHeaders: readonly string[] = []): void {
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        const message = `a file takes no ${request.method}`;
        throw new PosternError('METHOD_NOT_ALLOWED', message, { fields: { allow: 'GET, HEAD' } });
      }
      const wanted = conditions(request.headers);
      const isPlain = request.method === 'GET' && wanted === null && moreHeaders.length === 0;
      if (isPlain && this.#sendAgain(reply, entry)) return;
      this.#ask(reply, request.method, wanted ?? {}, entry, moreHeaders, isPlain).catch((error: unknown) => {
        reply.fail(toPosternError(error));
      });
    } catch (error) {
      reply.fail(toPosternError(error));
    }
  }

  /** Sends a file that was sent before and is the same. @returns false when it is not */
  #sendAgain(reply: Reply, entry: Entry): boolean {
    const known = this.#plain.get(entry);
    if (known === undefined) return false;
    if (known.bytes !== null && this.#sendHeld(reply, entry, known, known.bytes)) return true;
    const { fd, stats } = openEntry(entry);
    if (!isUnchanged(stats, known.stats)) {
      closeSync(fd);
      return false;
    }
    if (stats.size > MAX_HELD_FILE_BYTES) {
      this.#writeFile(reply, fd, 200, known.headers, 0, stats.size);
      return true;
    }
    const bytes = readPart(fd, 0, stats.size);
    if (bytes.length === stats.size) this.#held.hold(entry.realPath, known, bytes);
    sendWhole(reply, 200, known.headers, known.bytes ?? bytes);
    return true;
  }

  /** @returns false when the file has changed, or cannot be looked at */
  #sendHeld(reply: Reply, entry: Entry, known: PlainAnswer, bytes: Buffer): boolean {
    const stats = statOf(entry.realPath);
    if (stats === null || !isUnchanged(stats, known.stats)) {
      this.#held.release(entry.realPath);
      return false;
    }
    this.#held.touch(entry.realPath);
    sendWhole(reply, 200, known.headers, bytes);
    return true;
  }

  async #ask(
    reply: Reply,
    method: string,
    wanted: Readonly<Record<string, string>>,
    entry: Entry,
    moreHeaders: readonly string[],
    isPlain: boolean,
  ): Promise<void> {
    const { fd, stats } = openEntry(entry);
    let isTaken = false;
    try {
      const result = await describe(entry, wanted);
      if (reply.isOver) return;
      if (result.type !== 'error' && !isSame(result.metadata.stat, stats)) throw gone(entry);
      const headers = mergeHeaders(result.headers, moreHeaders);
      if (result.type === 'error' || result.statusCode === 304 || method === 'HEAD') {
        // 412 and 416 leave without the page that send makes for them.
        reply.answer(result.statusCode, result.type === 'error' ? bodiless(headers) : headers);
        return;
      }
      if (isPlain) this.#plain.set(entry, { stats, headers, bytes: null });
      const start = rangeStart(result.headers['Content-Range']);
      isTaken = true;
      this.#writeFile(reply, fd, result.statusCode, headers, start, Number(result.headers['Content-Length']));
    } finally {
      if (!isTaken) closeSync(fd);
    }
  }

  /** Sends a part of an open file, and closes it. */
  #writeFile(
    reply: Reply,
    fd: number,
    status: number,
    headers: readonly string[],
    start: number,
    length: number,
  ): void {
    if (length <= SMALL_FILE_BYTES) {
      sendWhole(reply, status, headers, readPart(fd, start, length));
      return;
    }
    reply.head(status, headers);
    new FilePump(reply, fd, start, start + length, this.#spare).start();
  }
}

/** Sends what was read of a file. Where that has become shorter since, the front sees that Content-Length is not reached, and aborts. */
function sendWhole(reply: Reply, status: number, headers: readonly string[], bytes: Buffer): void {
  reply.head(status, headers);
  if (bytes.length > 0) reply.writeLasting(bytes);
  reply.end();
}

type Send = typeof import('@fastify/send').default;
type Description = Exclude<Awaited<ReturnType<Send>>, { readonly type: 'directory' }>;

/** What send would answer for the file. @throws NOT_FOUND */
async function describe(entry: Entry, wanted: Readonly<Record<string, string>>): Promise<Description> {
  // Loaded with the first file: its table of types takes a tenth of a start, and a site may have scripts only.
  const { default: send } = await import('@fastify/send');
  const question = { method: 'HEAD', headers: wanted };
  const result = await send(question as unknown as Parameters<Send>[0], encodeURIComponent(entry.realPath), {
    dotfiles: 'allow',
    index: false,
    cacheControl: false,
  });
  result.stream.destroy();
  if (result.statusCode === 404 || result.type === 'directory') throw gone(entry);
  return result;
}

/** Reads a part of an open file, and closes it; less where it has become shorter. */
function readPart(fd: number, start: number, length: number): Buffer {
  try {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, start));
  } finally {
    closeSync(fd);
  }
}

/** Opens the file that was looked up, and no other. @throws FORBIDDEN, NOT_FOUND */
function openEntry(entry: Entry): { fd: number; stats: Stats } {
  let fd: number;
  try {
    // NONBLOCK: should it have become a pipe since, opening must not wait for a writer.
    fd = openSync(entry.realPath, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new PosternError('FORBIDDEN', `${entry.realPath} may not be read (${code})`, { cause: error });
    }
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') throw gone(entry);
    throw error;
  }
  const stats = fstatSync(fd);
  if (stats.isFile() && isStillAt(entry.realPath, fd, stats)) return { fd, stats };
  closeSync(fd);
  throw gone(entry);
}

/** Whether an open file is at its path without a link on the way. */
function isStillAt(path: string, fd: number, stats: Stats): boolean {
  // What the kernel says is true of the open file itself; elsewhere the path is looked at again.
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // without /proc
    }
  }
  try {
    return realpathSync.native(path) === path && isSame(lstatSync(path), stats);
  } catch {
    return false;
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** Whether a file is the one it was and nobody wrote to it, or changed who may read it. */
function isUnchanged(now: Stats, then: Stats): boolean {
  return isSame(now, then) && now.size === then.size && now.mtimeMs === then.mtimeMs && now.ctimeMs === then.ctimeMs;
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/** The fields that send looks at, as it looks at them; null where there is none. */
function conditions(headers: readonly string[]): Record<string, string> | null {
  let found: Record<string, string> | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (name !== 'range' && name !== 'cache-control' && !name.startsWith('if-')) continue;
    found ??= {};
    found[name] ??= headers[i + 1]!;
  }
  return found;
}

function mergeHeaders(fromFile: Readonly<Record<string, unknown>>, more: readonly string[]): string[] {
  const merged: string[] = [];
  for (const name in fromFile) {
    const lower = name.toLowerCase();
    const isReplaced = more.some((other, i) => i % 2 === 0 && isNamed(other, lower));
    if (!isReplaced || isOurs(lower)) merged.push(name, String(fromFile[name]));
  }
  // Without a type a browser guesses one, and an upload that looks like a page becomes one. 304 has neither length nor type.
  const hasType =
    !('Content-Length' in fromFile) ||
    'Content-Type' in fromFile ||
    more.some((name, i) => i % 2 === 0 && isNamed(name, 'content-type'));
  if (!hasType) merged.push('Content-Type', 'application/octet-stream');
  for (let i = 0; i < more.length; i += 2) {
    if (!isOurs(more[i]!.toLowerCase())) merged.push(more[i]!, more[i + 1]!);
  }
  return merged;
}

/** What only the one who has the bytes can know. */
function isOurs(lowerName: string): boolean {
  return lowerName === 'content-length' || lowerName === 'content-range' || lowerName === 'accept-ranges';
}

function bodiless(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (isNamed(name, 'content-length')) kept.push(name, '0');
    else if (!isNamed(name, 'content-type') && !isNamed(name, 'content-security-policy'))
      kept.push(name, headers[i + 1]!);
  }
  return kept;
}

function rangeStart(contentRange: unknown): number {
  return typeof contentRange === 'string' ? Number(/^bytes (\d+)-/.exec(contentRange)?.[1] ?? 0) : 0;
}

function gone(entry: Entry): PosternError {
  return new PosternError('NOT_FOUND', `${entry.realPath} is not there any more`);
}
