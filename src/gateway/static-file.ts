// Sends files. What is answered for one is decided in `file-answer.ts`; here its bytes are opened, read, and held.
//
// A small file is read at once and leaves in one write; of a larger one, or of several parts, a pump sends one piece after another. A file
// of up to 1 MiB that is asked for again is held in memory for as long as its path is believed and a stat says that it is the same.

import { closeSync, type Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { PosternError, toPosternError } from '../errors.ts';
import { nothingMade } from '../protocol/cgi/exchange.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { type FileAnswer, type FileRequest, fileAnswer } from './file-answer.ts';
import { FilePump, SparePieces } from './file-pump.ts';
import type { AnswerManner } from './message.ts';
import { isUnchanged, openFile, readPart, statsAt } from './open-file.ts';
import type { Reply } from './reply.ts';

/** Files up to this size are read at once. */
const SMALL_FILE_BYTES = 65_536;
/** Files up to this size are held when they are asked for again: the system has them in memory then, so reading one takes no time. */
const MAX_HELD_FILE_BYTES = 1_048_576;
/** Bytes of all files that a site holds. */
const MAX_HELD_BYTES = 16_777_216;
/** What is counted for a file beside its bytes, so that empty ones have their limit, too. */
const BYTES_PER_FILE = 1_024;

/** A file that was looked up; the same object as long as the look-up is believed. */
export interface FoundFile {
  /** A byte string. */
  readonly realPath: string;
}

/** What was answered for a file to who asked for no more than the file. */
interface PlainAnswer {
  readonly stats: Stats;
  readonly headers: readonly string[];
  readonly manner: AnswerManner;
  /** null: they are not held. */
  bytes: Buffer | null;
}

/** Sends the files of a site. */
export class StaticFiles {
  /** The same few files are asked for again and again: while they are as they were, so is the head of their answer. */
  readonly #plain = new WeakMap<FoundFile, PlainAnswer>();
  readonly #held: LRUCache<string, PlainAnswer>;
  readonly #spare = new SparePieces();

  constructor(maxHeldBytes = MAX_HELD_BYTES) {
    this.#held = new LRUCache({
      maxSize: maxHeldBytes,
      sizeCalculation: ({ bytes }) => (bytes?.length ?? 0) + BYTES_PER_FILE,
      dispose: (known) => {
        known.bytes = null;
      },
    });
  }

  /** What is held, and some for each file. */
  get heldBytes(): number {
    return this.#held.calculatedSize;
  }

  /**
   * Sends a file, or answers why not. Never throws.
   * @param moreHeaders fields that win over those of the file (name, value, ...), as a program gave them with X-Sendfile
   */
  send(reply: Reply, request: FileRequest, file: FoundFile, moreHeaders: readonly string[] = []): void {
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        const message = `a file takes no ${request.method}`;
        throw new PosternError('METHOD_NOT_ALLOWED', message, { fields: { allow: 'GET, HEAD' } });
      }
      const isPlain = request.method === 'GET' && moreHeaders.length === 0 && !hasConditions(request.headers);
      if (!isPlain || !this.#sendAgain(reply, file)) this.#sendNew(reply, request, file, moreHeaders, isPlain);
    } catch (error) {
      reply.fail(toPosternError(error));
    }
  }

  /** Sends a file that was sent before and is the same. @returns false when it is not */
  #sendAgain(reply: Reply, file: FoundFile): boolean {
    const known = this.#plain.get(file);
    if (known === undefined) return false;
    if (known.bytes !== null && this.#sendHeld(reply, file, known, known.bytes)) return true;
    const { fd, stats } = openFile(file.realPath);
    if (!isUnchanged(stats, known.stats)) {
      closeSync(fd);
      return false;
    }
    if (stats.size > MAX_HELD_FILE_BYTES) {
      this.#pump(reply, fd, { status: 200, headers: known.headers, parts: [whole(stats)], after: null });
      return true;
    }
    const bytes = readPart(fd, 0, stats.size);
    if (bytes.length === stats.size) this.#hold(file, known, bytes);
    sendWhole(reply, 200, known.headers, known.bytes ?? bytes, known.manner);
    return true;
  }

  /** @returns false when the file has changed, or cannot be looked at */
  #sendHeld(reply: Reply, { realPath }: FoundFile, known: PlainAnswer, bytes: Buffer): boolean {
    const stats = statsAt(realPath);
    if (stats === null || !isUnchanged(stats, known.stats)) {
      this.#held.delete(realPath);
      return false;
    }
    this.#held.get(realPath);
    sendWhole(reply, 200, known.headers, bytes, known.manner);
    return true;
  }

  #hold({ realPath }: FoundFile, known: PlainAnswer, bytes: Buffer): void {
    this.#held.delete(realPath);
    // A copy of its own size: what was read may lie in a pool, all of which would be held.
    known.bytes = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(known.bytes);
    this.#held.set(realPath, known);
  }

  #sendNew(
    reply: Reply,
    request: FileRequest,
    file: FoundFile,
    moreHeaders: readonly string[],
    isPlain: boolean,
  ): void {
    const { fd, stats } = openFile(file.realPath);
    const { size, mtimeMs } = stats;
    const answer = fileAnswer(request, { path: file.realPath, size, mtimeMs }, moreHeaders);
    if (isPlain) this.#plain.set(file, { stats, headers: answer.headers, manner: lastingManner(), bytes: null });
    const [first, second] = answer.parts;
    if (first === undefined) {
      closeSync(fd);
      reply.answer(answer.status, answer.headers);
    } else if (second === undefined && first.end - first.start <= SMALL_FILE_BYTES) {
      sendWhole(reply, answer.status, answer.headers, readPart(fd, first.start, first.end - first.start));
    } else {
      this.#pump(reply, fd, answer);
    }
  }

  /** Sends all of an open file, and closes it. */
  sendOpen(reply: Reply, fd: number, size: number, headers: readonly string[]): void {
    try {
      if (size <= SMALL_FILE_BYTES) sendWhole(reply, 200, headers, readPart(fd, 0, size));
      else this.#pump(reply, fd, { status: 200, headers, parts: [{ before: null, start: 0, end: size }], after: null });
    } catch (error) {
      reply.fail(toPosternError(error));
    }
  }

  /** @param fd is closed by the pump */
  #pump(reply: Reply, fd: number, answer: FileAnswer): void {
    reply.head(answer.status, answer.headers);
    new FilePump(reply, fd, answer, this.#spare).start();
  }
}

function whole({ size }: Stats): FileAnswer['parts'][number] {
  return { before: null, start: 0, end: size };
}

/** Sends what was read of a file. Where that has become shorter since, the front sees that Content-Length is not reached, and aborts. */
export function sendWhole(
  reply: Reply,
  status: number,
  headers: readonly string[],
  bytes: Buffer,
  manner?: AnswerManner,
): void {
  reply.head(status, headers, manner);
  if (bytes.length > 0) reply.passLasting(bytes);
  reply.end();
}

/** Of a head that will be sent again: what is made of it is kept with it. */
export function lastingManner(): AnswerManner {
  return { reason: '', made: nothingMade() };
}

/** Whether a request has a field that may ask for less than the whole file. */
export function hasConditions(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (isNamed(name, 'range') || isNamed(name, 'cache-control') || /^if-/i.test(name)) return true;
  }
  return false;
}
