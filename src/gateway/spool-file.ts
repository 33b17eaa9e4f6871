// A request body on disk: a file without a name, so that nothing is left of it whatever happens to this process.

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';

/** One body on disk. `close()` is repeatable. */
export class SpoolFile {
  readonly #file: FileHandle;
  /** Where the file still has a name (Windows unlinks nothing that is open); null: it has none. */
  readonly #leftPath: string | null;
  readonly #streams = new Set<Readable>();
  #length = 0;
  #isClosed = false;

  private constructor(file: FileHandle, leftPath: string | null) {
    this.#file = file;
    this.#leftPath = leftPath;
  }

  /** @param openFile a test's stand-in @throws SPOOL_FULL, INTERNAL */
  static async create(folder: string, openFile: typeof open = open): Promise<SpoolFile> {
    const path = join(folder, `postern-${randomUUID()}.body`);
    try {
      const file = await openFile(path, 'wx+', 0o600);
      const isUnlinked = await unlink(path).then(
        () => true,
        () => false,
      );
      return new SpoolFile(file, isUnlinked ? null : path);
    } catch (error) {
      throw spoolError(error, folder);
    }
  }

  get length(): number {
    return this.#length;
  }

  /** Appends all of a chunk. @throws SPOOL_FULL, INTERNAL */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < chunk.length; ) {
        const { bytesWritten } = await this.#file.write(chunk, written, chunk.length - written, this.#length);
        written += bytesWritten;
        this.#length += bytesWritten;
      }
    } catch (error) {
      throw spoolError(error, 'the spool folder');
    }
  }

  /** A new stream over the whole body. */
  stream(): Readable {
    // The handle, not its number: a number that was closed may by now belong to another request's body.
    const stream = this.#file.createReadStream({ start: 0, autoClose: false, highWaterMark: 65_536 });
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  /** Ends all streams and gives the disk space back. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stream of this.#streams) stream.destroy();
    this.#file.close().catch(() => {});
    if (this.#leftPath !== null) unlink(this.#leftPath).catch(() => {});
  }
}

function spoolError(error: unknown, folder: string): PosternError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new PosternError(
      'SPOOL_FULL',
      `no room for a request body in ${folder} (${code}): free some or set another`,
      {
        cause: error,
      },
    );
  }
  return new PosternError('INTERNAL', `a request body could not be spooled in ${folder}: ${String(error)}`, {
    cause: error,
  });
}
