// Takes a request body in completely before a program is troubled with it: into memory first, then into a spool file.

import { finished, Readable } from 'node:stream';
import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { BodyMemory, GatheredBody } from './body-memory.ts';
import type { IncomingBody } from './message.ts';
import { type BodyLimits, type HeldBody, incomplete, tooLarge, tooSlow } from './request-body.ts';
import type { SpoolBlocks } from './spool-blocks.ts';
import { SpoolFile, type SpoolUser } from './spool-file.ts';

/**
 * Takes a body in completely. A slow client waits here, where it holds no worker. The source is never destroyed: the front still has
 * to answer there.
 * @throws BODY_TOO_LARGE, BODY_INCOMPLETE, REQUEST_TIMEOUT, SPOOL_FULL, SPOOL_BUSY
 */
export function collectBody(
  source: IncomingBody,
  contentLength: number | null,
  limits: BodyLimits,
  blocks: SpoolBlocks,
  clock: Clock,
  memory: BodyMemory = new BodyMemory(0),
): Promise<HeldBody> {
  const collector = new BodyCollector(source, contentLength, limits, blocks, clock, memory);
  collector.start();
  return collector.collected;
}

/**
 * reading: takes what comes. held: the source waits, since the disk is slower. ending: the source has ended, and the rest is on its way to disk.
 */
type State = 'reading' | 'held' | 'ending' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  reading: ['held', 'ending', 'over'],
  held: ['reading', 'ending', 'over'],
  ending: ['over'],
  over: [],
};

class BodyCollector implements SpoolUser {
  readonly #source: IncomingBody;
  readonly #contentLength: number | null;
  readonly #limits: BodyLimits;
  readonly #blocks: SpoolBlocks;
  readonly #clock: Clock;
  readonly #memory: BodyMemory;
  readonly #promise = Promise.withResolvers<HeldBody>();
  readonly #gathered: GatheredBody;
  #length = 0;
  /** Bytes that are held in memory, and counted there. */
  #heldBytes = 0;
  #spool: SpoolFile | null = null;
  #state: State = 'reading';
  #lastByteAtMs: number;
  #timer: Timer | null = null;
  #leaveSource: () => void = () => {};

  constructor(
    source: IncomingBody,
    contentLength: number | null,
    limits: BodyLimits,
    blocks: SpoolBlocks,
    clock: Clock,
    memory: BodyMemory,
  ) {
    this.#memory = memory;
    this.#gathered = new GatheredBody(memory);
    this.#source = source;
    this.#contentLength = contentLength;
    this.#limits = limits;
    this.#blocks = blocks;
    this.#clock = clock;
    this.#lastByteAtMs = clock.now();
  }

  get collected(): Promise<HeldBody> {
    return this.#promise.promise;
  }

  start(): void {
    const source = this.#source;
    this.#leaveSource = finished(source, { writable: false }, (error) => {
      if (error) this.#fail(error instanceof PosternError ? error : this.#incomplete(error));
      else this.#sourceEnded();
    });
    if (this.#limits.bodyTimeoutMs > 0) this.#checkAfter(this.#limits.bodyTimeoutMs);
    if (source.lendTo !== undefined) {
      source.lendTo((bytes) => this.#take(bytes, true));
    } else {
      source.on('data', this.#onData);
      source.resume();
    }
  }

  hasRoom(): void {
    // The source may have ended with what the disk had no room for.
    if (this.#state !== 'held') return;
    this.#move('reading');
    this.#lastByteAtMs = this.#clock.now();
    if (this.#source.lendMore !== undefined) this.#source.lendMore();
    else this.#source.resume();
  }

  isWritten(): void {
    this.#move('over');
    this.#promise.resolve(fileBody(this.#spool!));
  }

  failed(error: PosternError): void {
    this.#fail(error);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (!this.#take(chunk, false)) this.#source.pause();
  };

  /** @returns false when the source is to stop */
  #take(bytes: Uint8Array, isLent: boolean): boolean {
    if (this.#state === 'over') return false;
    this.#length += bytes.length;
    if (this.#length > this.#limits.maxBodyBytes) {
      this.#fail(tooLarge(this.#limits));
      return false;
    }
    this.#lastByteAtMs = this.#clock.now();
    const isSmall = Math.max(this.#length, this.#contentLength ?? 0) <= this.#limits.memoryBodyBytes;
    if (this.#spool === null && isSmall && this.#memory.take(bytes.length)) {
      this.#heldBytes += bytes.length;
      this.#gathered.add(bytes, this.#length === this.#contentLength, isLent);
      return true;
    }
    this.#spool ??= this.#beginSpool();
    const hasRoom = this.#spool.add(bytes);
    if (!hasRoom && this.#state === 'reading') this.#move('held');
    return hasRoom;
  }

  #beginSpool(): SpoolFile {
    const spool = new SpoolFile(this.#limits.spoolFolder, this.#blocks, this);
    this.#gathered.empty((bytes) => void spool.add(bytes));
    this.#giveBack();
    return spool;
  }

  #sourceEnded(): void {
    if (this.#state === 'over') return;
    if (this.#contentLength !== null && this.#length !== this.#contentLength) {
      this.#fail(this.#incomplete());
      return;
    }
    this.#timer?.cancel();
    this.#leave();
    if (this.#spool !== null) {
      this.#move('ending');
      this.#spool.end();
    } else {
      this.#move('over');
      this.#promise.resolve(memoryBody(this.#gathered.join(), () => this.#giveBack()));
    }
  }

  #fail(error: PosternError): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#timer?.cancel();
    this.#leave();
    this.#source.pause();
    this.#spool?.close();
    this.#gathered.empty();
    this.#giveBack();
    this.#promise.reject(error);
  }

  /** Repeatable. */
  #giveBack(): void {
    this.#memory.giveBack(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #leave(): void {
    this.#leaveSource();
    this.#source.off('data', this.#onData);
  }

  #incomplete(cause?: unknown): PosternError {
    return incomplete(this.#length, this.#contentLength, cause);
  }

  /** One timer looks every now and then: to start one for each chunk costs more than taking it. */
  #checkAfter(delayMs: number): void {
    const { bodyTimeoutMs } = this.#limits;
    this.#timer = this.#clock.after(delayMs, () => {
      const quietMs = this.#state === 'held' ? 0 : this.#clock.now() - this.#lastByteAtMs;
      if (quietMs >= bodyTimeoutMs) this.#fail(tooSlow(bodyTimeoutMs));
      else this.#checkAfter(bodyTimeoutMs - quietMs);
    });
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a body cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

function memoryBody(bytes: Uint8Array, close: () => void): HeldBody {
  return {
    length: bytes.length,
    bytes,
    replayable: true,
    stream: () => Readable.from([bytes], { objectMode: false }),
    close,
  };
}

function fileBody(spool: SpoolFile): HeldBody {
  return {
    length: spool.length,
    bytes: null,
    replayable: true,
    stream: () => spool.stream(),
    readAt: (buffers, position) => spool.readAt(buffers, position),
    close: () => spool.close(),
  };
}
