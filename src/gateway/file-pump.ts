// Sends parts of an open file, one piece after another through one buffer, as fast as the client reads.
//
//   waiting <-> reading -> closing -> closed
//
// waiting: for the client, or not begun. reading: a thread reads into the piece. closing: stopped while one does, whose return closes.

import { closeSync, read } from 'node:fs';
import { toPosternError } from '../errors.ts';
import type { FileAnswer } from './file-answer.ts';
import type { Producer, Reply } from './reply.ts';

/** Each read is a trip to a thread and back, which costs more than 64 KiB are worth. */
const PIECE_BYTES = 262_144;
/** Where so many files are sent at a time, the next ones are sent in small pieces: a client of HTTP/2 may ask for a hundred on one connection, and take none. */
const MOST_LARGE = 32;
const SMALL_BYTES = 16_384;
/** Buffers that are kept for the next files; more are used at a time than that, where so many clients read. */
const MAX_SPARE_PIECES = 8;

/** Buffers that no pump uses: to allocate one for each file costs several times what reading it does. */
export class SparePieces {
  readonly #pieces: Buffer[] = [];
  #used = 0;

  acquire(): Buffer {
    this.#used += 1;
    if (this.#used > MOST_LARGE) return Buffer.allocUnsafeSlow(SMALL_BYTES);
    return this.#pieces.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  release(piece: Buffer): void {
    this.#used -= 1;
    if (piece.length === PIECE_BYTES && this.#pieces.length < MAX_SPARE_PIECES) this.#pieces.push(piece);
  }
}

type State = 'waiting' | 'reading' | 'closing' | 'closed';

const moves: Readonly<Record<State, readonly State[]>> = {
  waiting: ['reading', 'closed'],
  reading: ['waiting', 'closing'],
  closing: ['closed'],
  closed: [],
};

/** Sends one answer's parts, and closes the file. */
export class FilePump implements Producer {
  readonly #reply: Reply;
  readonly #fd: number;
  readonly #answer: FileAnswer;
  readonly #spare: SparePieces;
  readonly #piece: Buffer;
  #state: State = 'waiting';
  /** Index of the part that is sent, and how far it is. */
  #part = 0;
  #at = 0;

  /** @param fd an open file, which is the pump's from here on; `start()` must follow */
  constructor(reply: Reply, fd: number, answer: FileAnswer, spare: SparePieces) {
    this.#reply = reply;
    this.#fd = fd;
    this.#answer = answer;
    this.#spare = spare;
    this.#piece = spare.acquire();
  }

  start(): void {
    this.#reply.producer = this;
    if (this.#beginPart() && this.#state === 'waiting') this.resume();
  }

  /** Reads the next piece. */
  resume(): void {
    const { end } = this.#answer.parts[this.#part]!;
    this.#move('reading');
    const length = Math.min(this.#piece.length, end - this.#at);
    read(this.#fd, this.#piece, 0, length, this.#at, (error, count) => this.#came(error, count));
  }

  /** Reads no more. Repeatable: a number that was closed may by now be another file's. */
  abort(): void {
    if (this.#state === 'reading') this.#move('closing');
    else if (this.#state === 'waiting') this.#close();
  }

  #came(error: Error | null, count: number): void {
    if (this.#state === 'closing') {
      this.#close();
      return;
    }
    this.#move('waiting');
    // The reply stops its producer, and so the file is closed.
    if (error !== null) this.#reply.fail(toPosternError(error));
    else this.#pass(count);
  }

  #pass(count: number): void {
    this.#at += count;
    // The front copies what it keeps of a piece, so the next bytes may be read into it.
    let goesOn = count === 0 || this.#reply.pass(this.#piece.subarray(0, count));
    if (this.#state !== 'waiting') return;
    // A file that has become shorter since: the front sees that Content-Length is not reached, and aborts.
    if (count === 0) {
      this.#finish();
      return;
    }
    if (this.#at === this.#answer.parts[this.#part]!.end) {
      this.#part += 1;
      if (this.#part === this.#answer.parts.length) {
        this.#finish();
        return;
      }
      goesOn = this.#beginPart() && goesOn;
    }
    if (goesOn && this.#state === 'waiting') this.resume();
  }

  /** Writes what stands before a part. @returns whether more may come */
  #beginPart(): boolean {
    const { before, start } = this.#answer.parts[this.#part]!;
    this.#at = start;
    return before === null || this.#reply.pass(before);
  }

  #finish(): void {
    const { after } = this.#answer;
    if (after !== null && this.#part === this.#answer.parts.length) this.#reply.pass(after);
    this.abort();
    this.#reply.end();
  }

  #close(): void {
    this.#move('closed');
    closeSync(this.#fd);
    this.#spare.release(this.#piece);
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a file cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
