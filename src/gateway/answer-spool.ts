// What a slow client has not read yet of a program's answer: on disk, so that the program is done and its worker free long before its client is.
//
//   add() -> gathered in memory -> being written -> in the file -> pump(): read, and given to the user
//
// While nothing is in the file or on its way there, what was gathered goes straight to the user.

import { closeUnnamed, openUnnamed, type UnnamedFile } from './unnamed-file.ts';

/** What all answers of a gateway may keep on disk together, and where. */
export interface SpoolLimits {
  readonly spoolFolder: string;
  /** Of one answer, at a time. 0: no limit. */
  readonly answerSpoolBytes: number;
  /** Of all answers of a site together. 0: no limit. */
  readonly answerSpoolTotalBytes: number;
}

/** Who keeps an answer. Nothing is called once it is closed. */
export interface AnswerSpoolUser {
  /** Takes bytes, which are lent, in their order. False: no more until `pump()` is called. */
  take(bytes: Buffer): boolean;
  /** All that was added has been taken. */
  emptied(): void;
  /** More may be added, after `add()` returned false. */
  spoolHasRoom(): void;
  /** What was kept cannot be read again. */
  spoolFailed(error: unknown): void;
}

/** Bytes that are gathered before they are written; small writes cost more in waking threads than in copying. */
const blockBytes = 131_072;
/** Bytes that are read at a time. */
const pieceBytes = 131_072;
/** Blocks that are kept for the next answers. */
const maxSpareBlocks = 16;

/** What the answers of a gateway share: their limits, how much they keep, and blocks of memory that none uses now. */
export class AnswerSpools {
  readonly #limits: SpoolLimits;
  readonly #onTrouble: (error: unknown, folder: string) => void;
  readonly #spare: Buffer[] = [];
  /** Bytes on disk of all answers. */
  #bytes = 0;

  /** @param onTrouble told when the disk takes nothing; the programs of slow clients wait then */
  constructor(limits: SpoolLimits, onTrouble: (error: unknown, folder: string) => void = () => {}) {
    this.#limits = limits;
    this.#onTrouble = onTrouble;
  }

  /** Bytes on disk of all answers. */
  get bytes(): number {
    return this.#bytes;
  }

  get folder(): string {
    return this.#limits.spoolFolder;
  }

  /** Asks for room on disk. @param kept what the answer has there already @returns false where there is none */
  reserve(count: number, kept: number): boolean {
    const { answerSpoolBytes, answerSpoolTotalBytes } = this.#limits;
    if (answerSpoolBytes > 0 && kept + count > answerSpoolBytes) return false;
    if (answerSpoolTotalBytes > 0 && this.#bytes + count > answerSpoolTotalBytes) return false;
    this.#bytes += count;
    return true;
  }

  giveBack(count: number): void {
    this.#bytes -= count;
  }

  acquire(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  release(block: Buffer): void {
    if (block.length === blockBytes && this.#spare.length < maxSpareBlocks) this.#spare.push(block);
  }

  trouble(error: unknown): void {
    this.#onTrouble(error, this.folder);
  }
}

/** What comes. held: `add()` has said no. ended: nothing more will be added. */
type SourceState = 'open' | 'held' | 'ended';

/** What goes to the file. broken: the disk has refused, and all that comes stays in memory from then on, while the program waits. */
type DiskState = 'ready' | 'writing' | 'broken';

/** What the user gets. full: it has no room, or nothing is left. taking: it gets what comes next. reading: that is being read from the file. */
type UserState = 'full' | 'taking' | 'reading';

/** One answer. `close()` is repeatable. */
export class AnswerSpool {
  readonly #shared: AnswerSpools;
  readonly #user: AnswerSpoolUser;
  readonly #openFile: (folder: string) => Promise<UnnamedFile>;
  #file: UnnamedFile | null = null;
  /** What lies in the file and was not taken: from `#readAt` up to `#writtenTo`. */
  #readAt = 0;
  #writtenTo = 0;
  /** Whether the file holds only what has been taken. */
  #isStale = false;
  /** What is gathered and was not taken: from `#from` up to `#to` in the block. */
  #block: Buffer | null = null;
  #from = 0;
  #to = 0;
  #source: SourceState = 'open';
  #disk: DiskState = 'ready';
  #out: UserState = 'full';
  #isClosed = false;

  /** @param openFile a test's stand-in */
  constructor(
    shared: AnswerSpools,
    user: AnswerSpoolUser,
    openFile: (folder: string) => Promise<UnnamedFile> = openUnnamed,
  ) {
    this.#shared = shared;
    this.#user = user;
    this.#openFile = openFile;
  }

  /** Adds all of `bytes`, which are lent. @returns false when no more should come until the user is told `spoolHasRoom` */
  add(bytes: Uint8Array): boolean {
    this.#gather(bytes);
    if (this.#to - this.#from >= blockBytes / 2) this.#writeOut();
    this.#source = this.#to - this.#from >= blockBytes / 2 ? 'held' : 'open';
    return this.#source === 'open';
  }

  /** Nothing more will be added. */
  end(): void {
    this.#source = 'ended';
    // Its client may take long: the rest need not stay in memory so long.
    if (this.#readAt < this.#writtenTo && this.#from < this.#to) this.#writeOut();
  }

  /** The user has room: gives it what comes next, until it says no or nothing is left. */
  pump(): void {
    if (this.#isClosed || this.#out === 'reading') return;
    this.#out = 'taking';
    while (this.#isTaking()) {
      if (this.#readAt < this.#writtenTo) {
        this.#read();
        return;
      }
      // What is on its way to the file comes before what was gathered since.
      if (this.#disk === 'writing') return;
      if (this.#from === this.#to) {
        this.#out = 'full';
        this.#rewind();
        this.#user.emptied();
        return;
      }
      this.#giveGathered();
    }
  }

  /** Gives memory and disk space back. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#shared.giveBack(this.#writtenTo);
    if (this.#disk === 'writing') return;
    this.#dropBlock();
    this.#closeFile();
  }

  /** Whoever is told something may have closed it. */
  #isTaking(): boolean {
    return this.#out === 'taking' && !this.#isClosed;
  }

  #giveGathered(): void {
    const block = this.#block!;
    const bytes = block.subarray(this.#from, this.#to);
    this.#block = null;
    this.#from = 0;
    this.#to = 0;
    if (!this.#user.take(bytes)) this.#out = 'full';
    this.#shared.release(block);
    this.#askForMore();
  }

  /** Tells who was told to wait, once there is room. */
  #askForMore(): void {
    if (this.#source !== 'held' || this.#isClosed || this.#to - this.#from >= blockBytes / 2) return;
    this.#source = 'open';
    this.#user.spoolHasRoom();
  }

  #gather(bytes: Uint8Array): void {
    this.#block ??= this.#shared.acquire();
    if (this.#to + bytes.length > this.#block.length) {
      // No more than what one read of a program brings above what it was told to stop at.
      const larger = Buffer.allocUnsafeSlow(this.#to - this.#from + bytes.length + blockBytes);
      this.#to = this.#block.copy(larger, 0, this.#from, this.#to);
      this.#from = 0;
      this.#shared.release(this.#block);
      this.#block = larger;
    }
    this.#block.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  /** Begins to write what was gathered, where the disk may take it. */
  #writeOut(): void {
    const count = this.#to - this.#from;
    if (this.#disk !== 'ready' || this.#isClosed) return;
    if (!this.#shared.reserve(count, this.#writtenTo)) return;
    const block = this.#block!;
    const from = this.#from;
    this.#block = null;
    this.#from = 0;
    this.#to = 0;
    this.#disk = 'writing';
    this.#write(block, from, count).then(
      () => this.#written(block, count),
      (error: unknown) => this.#notWritten(block, from, count, error),
    );
  }

  async #write(block: Buffer, from: number, count: number): Promise<void> {
    this.#file ??= await this.#openFile(this.#shared.folder);
    if (this.#isStale) await this.#file.handle.truncate(0);
    this.#isStale = false;
    for (let done = 0; done < count; ) {
      const { bytesWritten } = await this.#file.handle.write(block, from + done, count - done, this.#writtenTo + done);
      done += bytesWritten;
    }
  }

  #written(block: Buffer, count: number): void {
    this.#disk = 'ready';
    this.#shared.release(block);
    if (this.#isClosed) {
      this.#shared.giveBack(count);
      this.#closeFile();
      this.#dropBlock();
      return;
    }
    this.#writtenTo += count;
    if (this.#to - this.#from >= blockBytes / 2) this.#writeOut();
    this.#askForMore();
    if (this.#isTaking()) this.pump();
  }

  /** The bytes stay in memory, ahead of those that came since; the program waits until its client has taken them. */
  #notWritten(block: Buffer, from: number, count: number, error: unknown): void {
    this.#disk = 'broken';
    this.#shared.giveBack(count);
    if (this.#isClosed) {
      this.#closeFile();
      this.#dropBlock();
      return;
    }
    const since = this.#block;
    const length = this.#to - this.#from;
    const joined = Buffer.allocUnsafeSlow(count + length);
    block.copy(joined, 0, from, from + count);
    since?.copy(joined, count, this.#from, this.#to);
    this.#block = joined;
    this.#from = 0;
    this.#to = joined.length;
    this.#shared.trouble(error);
    if (this.#isTaking()) this.pump();
  }

  #read(): void {
    const piece = this.#shared.acquire();
    const length = Math.min(pieceBytes, this.#writtenTo - this.#readAt);
    this.#out = 'reading';
    this.#file!.handle.read(piece, 0, length, this.#readAt).then(
      ({ bytesRead }) => this.#came(piece, bytesRead, null),
      (error: unknown) => this.#came(piece, 0, error),
    );
  }

  #came(piece: Buffer, count: number, error: unknown): void {
    this.#out = 'taking';
    if (!this.#isClosed) {
      if (error !== null || count === 0) {
        this.#out = 'full';
        this.#user.spoolFailed(error ?? new Error('the spool file of an answer has become shorter'));
      } else {
        this.#readAt += count;
        if (!this.#user.take(piece.subarray(0, count))) this.#out = 'full';
      }
    }
    this.#shared.release(piece);
    if (this.#isTaking()) this.pump();
  }

  /** The file begins anew: a slow client of an endless answer does not fill the disk with what it has read. */
  #rewind(): void {
    this.#shared.giveBack(this.#writtenTo);
    this.#isStale ||= this.#writtenTo > 0;
    this.#readAt = 0;
    this.#writtenTo = 0;
  }

  /** The handle puts off its closing until nothing is under way any more. */
  #closeFile(): void {
    if (this.#file !== null) closeUnnamed(this.#file);
    this.#file = null;
  }

  #dropBlock(): void {
    if (this.#block !== null) this.#shared.release(this.#block);
    this.#block = null;
    this.#from = 0;
    this.#to = 0;
  }
}
