// Sends the files of a site that compresses: the neighbour that somebody compressed ahead ("a.css.br"), or a small file that was compressed once and is held.
// A large one is sent as it is, and compressed on its way.

import { closeSync, type Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { type Coding, chooseCoding, codedHeader } from '../protocol/http/accept-encoding.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { type Compression, compress } from './compression.ts';
import { type FileRequest, fileAnswer, typeOf } from './file-answer.ts';
import type { AnswerManner } from './message.ts';
import { isUnchanged, openFile, readPart, statsAt } from './open-file.ts';
import type { Reply } from './reply.ts';
import { type FoundFile, hasConditions, lastingManner, type StaticFiles, sendWhole } from './static-file.ts';

/** Files up to this size are compressed once, and held. */
const MAX_FILE_BYTES = 1_048_576;
/** What is counted for a file beside its bytes. */
const BYTES_PER_FILE = 1_024;

const endings: Readonly<Record<Coding, string>> = { zstd: '.zst', br: '.br', gzip: '.gz' };

/** A file as it was compressed. */
interface Compressed {
  readonly stats: Stats;
  readonly headers: readonly string[];
  readonly manner: AnswerManner;
  /** null: compressed it is no shorter. */
  readonly bytes: Buffer | null;
}

/** The files of one site. */
export class CompressedFiles {
  readonly #files: StaticFiles;
  readonly #compression: Compression;
  readonly #held: LRUCache<string, Compressed> | null;
  /** Those that are being compressed. */
  readonly #making = new Map<string, Promise<Compressed | null>>();
  /** Codings of the neighbours that a file has, for as long as its look-up is believed. */
  readonly #neighbours = new WeakMap<FoundFile, readonly Coding[]>();

  /** Whether they are of a type that is compressed. */
  readonly #areForType = new WeakMap<FoundFile, boolean>();

  constructor(files: StaticFiles, compression: Compression) {
    const { memoryBytes } = compression.options;
    this.#files = files;
    this.#compression = compression;
    this.#held =
      memoryBytes === 0
        ? null
        : new LRUCache({ maxSize: memoryBytes, sizeCalculation: ({ bytes }) => (bytes?.length ?? 0) + BYTES_PER_FILE });
  }

  /** What is held, and some for each file. */
  get heldBytes(): number {
    return this.#held?.calculatedSize ?? 0;
  }

  /** Sends a file, or answers why not. Never throws. */
  send(reply: Reply, request: FileRequest, file: FoundFile): void {
    if (!this.#mayBeCoded(request, file)) {
      this.#files.send(reply, request, file);
      return;
    }
    const stats = statsAt(file.realPath);
    const neighbour = stats === null ? null : chooseCoding(request.headers, this.#neighboursOf(file, stats));
    if (stats !== null && neighbour !== null && this.#sendNeighbour(reply, request, file, stats, neighbour)) return;
    const coding = this.#compression.chooseFor(request.headers);
    if (stats === null || coding === null || !this.#isHeld(stats)) {
      this.#files.send(reply, request, file);
      return;
    }
    const key = `${coding} ${file.realPath}`;
    const known = this.#held!.get(key);
    if (known !== undefined && isUnchanged(stats, known.stats)) this.#answer(reply, request, file, known);
    else
      void this.#make(key, file, coding).then((made) => {
        if (!reply.isOver) this.#answer(reply, request, file, made);
      });
  }

  /** Ranges are of the file as it is. */
  #mayBeCoded({ method, headers }: FileRequest, file: FoundFile): boolean {
    if (method !== 'GET' && method !== 'HEAD') return false;
    if (fieldValue(headers, 'range') !== undefined || fieldValue(headers, 'accept-encoding') === undefined)
      return false;
    let isForType = this.#areForType.get(file);
    if (isForType === undefined) {
      isForType = this.#compression.isForType(typeOf(file.realPath));
      this.#areForType.set(file, isForType);
    }
    return isForType;
  }

  #isHeld({ size }: Stats): boolean {
    return this.#held !== null && size >= this.#compression.options.minBytes && size <= MAX_FILE_BYTES;
  }

  /** Sends what was compressed, where the conditions of the request leave the whole of it to be sent. */
  #answer(reply: Reply, request: FileRequest, file: FoundFile, made: Compressed | null): void {
    const bytes = made?.bytes ?? null;
    if (bytes !== null && request.method === 'GET' && !hasConditions(request.headers)) {
      sendWhole(reply, 200, made!.headers, bytes, made!.manner);
      return;
    }
    const answer =
      made === null || bytes === null
        ? null
        : fileAnswer(request, { path: file.realPath, size: made.stats.size, mtimeMs: made.stats.mtimeMs }, []);
    if (answer === null || answer.status !== 200) {
      this.#files.send(reply, request, file);
      return;
    }
    reply.head(200, made!.headers);
    if (request.method === 'GET') reply.passLasting(bytes!);
    reply.end();
  }

  /** @returns null: it cannot be read now, or has changed meanwhile */
  #make(key: string, file: FoundFile, coding: Coding): Promise<Compressed | null> {
    let making = this.#making.get(key);
    if (making === undefined) {
      making = this.#compress(key, file, coding)
        // Sending the file as it is tells what is wrong with it.
        .catch(() => null)
        .finally(() => this.#making.delete(key));
      this.#making.set(key, making);
    }
    return making;
  }

  async #compress(key: string, { realPath }: FoundFile, coding: Coding): Promise<Compressed | null> {
    const { fd, stats } = openFile(realPath);
    const plain = readPart(fd, 0, stats.size);
    if (plain.length !== stats.size) return null;
    const bytes = await compress(plain, coding, 'file');
    const isShorter = bytes.length < plain.length;
    const made = {
      stats,
      headers: isShorter ? headerOf(realPath, stats, bytes.length, coding) : [],
      manner: lastingManner(),
      bytes: isShorter ? bytes : null,
    };
    this.#held!.set(key, made);
    return made;
  }

  // Neighbours.

  #neighboursOf(file: FoundFile, of: Stats): readonly Coding[] {
    let found = this.#neighbours.get(file);
    if (found === undefined) {
      found = this.#compression.options.codings.filter((coding) => {
        const stats = statsAt(file.realPath + endings[coding]);
        return stats?.isFile() === true && !isOlder(stats, of);
      });
      this.#neighbours.set(file, found);
    }
    return found;
  }

  /** @returns whether it was sent */
  #sendNeighbour(reply: Reply, request: FileRequest, file: FoundFile, stats: Stats, coding: Coding): boolean {
    const facts = { path: file.realPath, size: stats.size, mtimeMs: stats.mtimeMs };
    if (fileAnswer(request, facts, []).status !== 200) return false;
    let opened: ReturnType<typeof openFile>;
    try {
      opened = openFile(file.realPath + endings[coding]);
    } catch {
      return false; // it has gone since
    }
    // The file may have changed since it was looked for.
    if (isOlder(opened.stats, stats)) {
      closeSync(opened.fd);
      return false;
    }
    const { size } = opened.stats;
    const headers = headerOf(file.realPath, stats, size, coding);
    if (request.method === 'HEAD') {
      closeSync(opened.fd);
      reply.answer(200, headers);
    } else {
      this.#files.sendOpen(reply, opened.fd, size, headers);
    }
    return true;
  }
}

/** Whether a neighbour is older than its file, so that it is of another one. Tools that make both set the same time, in whole seconds. */
const isOlder = (neighbour: Stats, file: Stats): boolean => neighbour.mtimeMs < file.mtimeMs - 1_000;

/** The header of a file that is coded: its validators are those of the file as it is. */
function headerOf(path: string, { size, mtimeMs }: Stats, length: number, coding: Coding): readonly string[] {
  const { headers } = fileAnswer({ method: 'HEAD', headers: [] }, { path, size, mtimeMs }, []);
  return [...codedHeader(headers, coding), 'Content-Length', String(length)];
}
