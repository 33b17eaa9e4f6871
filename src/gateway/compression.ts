// Which answers of a site are compressed, and how: types, sizes, codings and their settings.

import type { Transform } from 'node:stream';
import {
  brotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
} from 'node:zlib';
import { inOnePiece } from '../protocol/bytes.ts';
import { acceptedCodings, type Coding, codingFor } from '../protocol/http/accept-encoding.ts';
import { fieldValue, fieldValues } from '../protocol/http/headers.ts';

/** What a site says of compression. */
export interface CompressOptions {
  /** Media types; "text/*" is all of a kind. */
  readonly types: readonly string[];
  /** Shorter answers are sent as they are. */
  readonly minBytes: number;
  /** Those that are used, the ones that are preferred first. */
  readonly codings: readonly Coding[];
  /** What files may take in memory, compressed. 0: none are kept. */
  readonly memoryBytes: number;
}

/** How hard it is tried: while the client waits, and once for a file that is kept. */
export type Effort = 'answer' | 'file';

/** A stream that compresses; `flush` makes it give all that it has. */
export type Compressor = Transform & { flush(): void };

/** A window of 256 KB holds what a page repeats, and costs a stream little memory. */
const windowBits = 18;
/** What a stream gathers before it gives it on. */
const chunkSize = 65_536;
const leastChunkBytes = 1_024;

// While the client waits: of a page, gzip 4 makes 2% more than 5 and takes a quarter less time; brotli 3 would make 5% more than 4.
const levels: Readonly<Record<Effort, Readonly<Record<Coding, number>>>> = {
  answer: { zstd: 3, br: 4, gzip: 4 },
  file: { zstd: 12, br: 8, gzip: 8 },
};

const gzipOptions = (effort: Effort) => ({ level: levels[effort].gzip, chunkSize });

const brotliOptions = (effort: Effort) => ({
  chunkSize,
  params: {
    [constants.BROTLI_PARAM_QUALITY]: levels[effort].br,
    [constants.BROTLI_PARAM_LGWIN]: effort === 'answer' ? windowBits : 22,
  },
});

const zstdOptions = (effort: Effort) => ({
  chunkSize,
  params: {
    [constants.ZSTD_c_compressionLevel]: levels[effort].zstd,
    [constants.ZSTD_c_windowLog]: effort === 'answer' ? windowBits : 21,
  },
});

/** So many choices are remembered, of values up to so many bytes. */
const mostChosen = 64;
const mostChosenLength = 128;

/** The settings of one site, made ready. */
export class Compression {
  readonly options: CompressOptions;
  readonly #types: ReadonlySet<string>;
  /** By what was said of codings: browsers say the same again and again. */
  readonly #chosen = new Map<string, Coding | null>();
  readonly #kinds: readonly string[];

  constructor(options: CompressOptions) {
    this.options = options;
    const lower = options.types.map((type) => type.toLowerCase());
    this.#types = new Set(lower.filter((type) => !type.endsWith('/*')));
    this.#kinds = lower.filter((type) => type.endsWith('/*')).map((type) => type.slice(0, -1));
  }

  /** The coding that a client gets of all that can be made; null: it gets the answer as it is. */
  chooseFor(headers: readonly string[]): Coding | null {
    const value = acceptedCodings(headers);
    const known = this.#chosen.get(value);
    if (known !== undefined) return known;
    const chosen = codingFor(value, this.options.codings);
    if (value.length > mostChosenLength) return chosen;
    if (this.#chosen.size === mostChosen) this.#chosen.clear();
    this.#chosen.set(inOnePiece(value), chosen);
    return chosen;
  }

  /** Whether answers of a media type are compressed. @param type a value of Content-Type */
  isForType(type: string): boolean {
    const name = type.split(';', 1)[0]!.trim().toLowerCase();
    return this.#types.has(name) || this.#kinds.some((kind) => name.startsWith(kind));
  }

  /**
   * What is done with an answer. "varies": it is sent as it is, though others get it compressed; "never": it is sent as it is to all.
   * An answer that has a coding varies, too: whoever made it looked at what its client takes.
   */
  treatmentOf(status: number, headers: readonly string[]): 'compress' | 'varies' | 'never' {
    if (status < 200 || status === 204 || status === 205) return 'never';
    if (status === 304) return 'varies';
    const type = fieldValue(headers, 'content-type');
    if (type === undefined || !this.isForType(type)) return 'never';
    // RFC 9111, section 5.2.2.6: nobody on the way changes it.
    if (/(?:^|[\s,])no-transform(?:[\s,;]|$)/i.test(fieldValues(headers, 'cache-control').join(','))) return 'never';
    if (status === 206 || fieldValue(headers, 'content-range') !== undefined) return 'varies';
    const coding = fieldValue(headers, 'content-encoding');
    if (coding !== undefined && coding.toLowerCase() !== 'identity') return 'varies';
    const length = fieldValue(headers, 'content-length');
    return length !== undefined && Number(length) < this.options.minBytes ? 'varies' : 'compress';
  }
}

/** What is compressed at once, which takes a third of a millisecond at most: to a thread and back costs 0.1 ms more by gzip and brotli, and 0.5 ms by zstd. */
export const AT_ONCE_BYTES = 16_384;

/** Compresses all of a short answer, at once. @throws what the library says */
export function compressAtOnce(bytes: Uint8Array, coding: Coding): Buffer {
  // What does not get shorter is not used.
  const own = { chunkSize: Math.max(bytes.length, leastChunkBytes) };
  if (coding === 'gzip') return gzipSync(bytes, { ...gzipOptions('answer'), ...own });
  if (coding === 'br') return brotliCompressSync(bytes, { ...brotliOptions('answer'), ...own });
  return zstdCompressSync(bytes, { ...zstdOptions('answer'), ...own });
}

/** Compresses all of it, in a thread. */
export function compress(bytes: Uint8Array, coding: Coding, effort: Effort): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, compressed: Buffer): void => {
      if (error === null) resolve(compressed);
      else reject(error);
    };
    if (coding === 'gzip') gzip(bytes, gzipOptions(effort), done);
    else if (coding === 'br') brotliCompress(bytes, brotliOptions(effort), done);
    else zstdCompress(bytes, zstdOptions(effort), done);
  });
}

/** Compresses what comes, piece by piece. */
export function createCompressor(coding: Coding): Compressor {
  const options = { highWaterMark: chunkSize };
  if (coding === 'gzip') return createGzip({ ...gzipOptions('answer'), ...options }) as unknown as Compressor;
  if (coding === 'br') return createBrotliCompress({ ...brotliOptions('answer'), ...options }) as unknown as Compressor;
  return createZstdCompress({ ...zstdOptions('answer'), ...options }) as unknown as Compressor;
}
