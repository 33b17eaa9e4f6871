// A request body on disk: a file without a name, so that nothing is left of it whatever happens to this process.

import type { FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { PosternError } from '../errors.ts';
import { BLOCK_BYTES, type BlockHolder, type SpoolBlocks } from './spool-blocks.ts';
import { closeUnnamed, openUnnamed, spoolError, type UnnamedFile } from './unnamed-file.ts';

/** Who spools a body, and is told how it goes; no more once it was closed. */
export interface SpoolUser {
  /** More may be added. */
  hasRoom(): void;
  /** All that was added before `end()` is on disk. */
  isWritten(): void;
  /** SPOOL_FULL or SPOOL_BUSY: the body cannot be kept, and is to be closed. */
  failed(error: PosternError): void;
}

/** filling: more may be added. ended: nothing more will be. closed: memory and disk space were given back. */
type State = 'filling' | 'ended' | 'closed';

const moves: Readonly<Record<State, readonly State[]>> = {
  filling: ['ended', 'closed'],
  ended: ['closed'],
  closed: [],
};

/**
 * One body on disk. Its bytes are gathered in a block, which is written when it is full while the next one is filled.
 * The file is opened for the first write. `close()` is repeatable.
 *
 * All is read and written through the handle, which puts off its closing until nothing is under way any more: a number that was
 * closed may by then belong to another request's body.
 */
export class SpoolFile implements BlockHolder {
  readonly #folder: string;
  readonly #blocks: SpoolBlocks;
  readonly #user: SpoolUser;
  readonly #openFile: typeof open | undefined;
  #file: UnnamedFile | null = null;
  readonly #streams = new Set<Readable>();
  /** What is being filled, and how far. */
  #block: Buffer | null = null;
  #filledBytes = 0;
  /** What found no room, in its order; the user waits until it has. A list: joined, each of many small chunks would copy all of it. */
  readonly #rest: Buffer[] = [];
  #isWriting = false;
  #length = 0;
  #state: State = 'filling';

  /** @param openFile a test's stand-in */
  constructor(folder: string, blocks: SpoolBlocks, user: SpoolUser, openFile?: typeof open) {
    this.#folder = folder;
    this.#blocks = blocks;
    this.#user = user;
    this.#openFile = openFile;
  }

  /** Bytes on disk. */
  get length(): number {
    return this.#length;
  }

  /** Adds all of `bytes`, which are lent. @returns false when no more should be added until `hasRoom()` is called */
  add(bytes: Uint8Array): boolean {
    const count = this.#rest.length === 0 ? this.#fill(bytes) : 0;
    if (count < bytes.length) this.#rest.push(Buffer.from(bytes.subarray(count)));
    return this.#rest.length === 0;
  }

  /** Nothing more will be added. */
  end(): void {
    this.#move('ended');
    this.#goOn();
  }

  /** A new stream over the whole body. */
  stream(): Readable {
    const stream = this.#file!.handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 65_536 });
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  /** Reads from `position` on. @returns how many bytes came */
  async readAt(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.#file!.handle.readv(buffers, position)).bytesRead;
  }

  /** Ends all streams and gives memory and disk space back. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#move('closed');
    for (const stream of this.#streams) stream.destroy();
    this.#rest.length = 0;
    this.#blocks.forget(this);
    const block = this.#block;
    this.#block = null;
    if (block !== null) this.#blocks.release(block);
    if (this.#file !== null) closeUnnamed(this.#file);
  }

  writeEarly(): void {
    if (!this.#isWriting) this.#writeBlock();
  }

  blockFreed(): void {
    this.#goOn();
  }

  /** Copies what there is room for into blocks. @returns how many bytes that were */
  #fill(bytes: Uint8Array): number {
    let from = 0;
    while (from < bytes.length) {
      this.#block ??= this.#blocks.acquire(this);
      if (this.#block === null) break;
      const count = Math.min(bytes.length - from, BLOCK_BYTES - this.#filledBytes);
      this.#block.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#filledBytes);
      this.#filledBytes += count;
      from += count;
      if (this.#filledBytes < BLOCK_BYTES || this.#isWriting) break;
      this.#writeBlock();
    }
    return from;
  }

  #fillRest(): void {
    let done = 0;
    for (const chunk of this.#rest) {
      const count = this.#fill(chunk);
      if (count < chunk.length) {
        this.#rest[done] = chunk.subarray(count);
        break;
      }
      done += 1;
    }
    this.#rest.splice(0, done);
  }

  /** Does what can be done now: after a write, when a block became free, and at the end. */
  #goOn(): void {
    if (this.#state === 'closed') return;
    if (this.#filledBytes === BLOCK_BYTES && !this.#isWriting) this.#writeBlock();
    if (this.#rest.length > 0) {
      this.#fillRest();
      if (this.#rest.length > 0) return;
      if (this.#state === 'filling') this.#user.hasRoom();
    }
    if (this.#state !== 'ended' || this.#isWriting) return;
    if (this.#block !== null) this.#writeBlock();
    else this.#user.isWritten();
  }

  /** Writes what the block holds; it goes back to the others afterwards. */
  #writeBlock(): void {
    const block = this.#block!;
    const count = this.#filledBytes;
    this.#block = null;
    this.#filledBytes = 0;
    this.#isWriting = true;
    this.#blocks.forget(this);
    this.#write(block, count).then(
      () => this.#written(block, null),
      (error: unknown) => this.#written(block, spoolError(error, this.#folder)),
    );
  }

  async #write(block: Buffer, count: number): Promise<void> {
    const file = this.#file?.handle ?? (await this.#open());
    for (let from = 0; from < count; ) {
      const { bytesWritten } = await file.write(block, from, count - from, this.#length);
      from += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  #written(block: Buffer, error: PosternError | null): void {
    this.#isWriting = false;
    if (error !== null && this.#state !== 'closed') this.#user.failed(error);
    this.#blocks.release(block);
    // What comes after a piece that is missing is of no use.
    if (error === null) this.#goOn();
  }

  async #open(): Promise<FileHandle> {
    const file = await openUnnamed(this.#folder, this.#openFile);
    this.#file = file;
    if (this.#state === 'closed') closeUnnamed(file);
    return file.handle;
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a spool file cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
