// A pool without lanes as its own thread sees it: how many permits there are, who holds them, and what becomes of those of a thread that has ended.

import type { MessagePort } from 'node:worker_threads';
import type { Permits, PermitUser, QueueShare } from '../queue/permits.ts';
import type { DurationsSnapshot, QueueBooks, QueueCounters } from '../queue/queue-books.ts';
import type { SharedRoom } from '../queue/queue-lines.ts';
import { SharedBooks, threadOfNumber } from '../queue/shared-books.ts';
import { type CellsMaker, heldBy, holderOf, inState, keptFor, nobody, stateOf, takerOf } from './lane-word.ts';
import { newPermitMemory, PermitBoard, type PermitWord } from './permit-board.ts';
import { PermitHolder } from './permit-holder.ts';
import type { FromPermitThread, OperatedQueue, PermitsShared, ToPermitThread } from './permit-thread.ts';
import { poolThread } from './thread-owner.ts';
import {
  type Bells,
  type BellsMaker,
  cellsPerLine,
  newWaitingMemory,
  SharedBells,
  WaitingBoard,
  WaitingRoom,
} from './waiting-board.ts';

/** Told of a process whose thread was lost: see `PermitWord.runs`. */
export type Outlived = (process: { readonly pid: number; readonly startTicks: number }, isGone: () => void) => void;

/** The pool's end of its talk with a thread; a test may bring its own. */
export type PermitPort = Pick<MessagePort, 'postMessage' | 'on' | 'close' | 'unref'>;

export class PermitPool implements QueueShare {
  readonly room: SharedRoom;
  readonly books: QueueBooks;
  readonly #memory: Omit<PermitsShared, 'port' | 'isDrained'>;
  readonly #board: PermitBoard;
  readonly #waiting: WaitingBoard;
  readonly #books: SharedBooks;
  readonly #threads: number;
  readonly #ports = new Map<number, PermitPort>();
  readonly #makeBells: BellsMaker;
  /** Made for the first front thread. */
  #bells: Bells | null = null;
  #holder: PermitHolder | null = null;
  #isDrained = false;

  /**
   * @param count permits that there are
   * @param frontThreads how many may ever have some: each costs a kilobyte
   * @param cells and `bells`: for tests
   */
  constructor(
    count: number,
    frontThreads: number,
    cells?: CellsMaker,
    bells: BellsMaker = (buffer) => new SharedBells(buffer),
  ) {
    const threads = 1 + frontThreads;
    this.#threads = threads;
    this.#memory = {
      permits: newPermitMemory(),
      waiting: newWaitingMemory(threads),
      bells: new SharedArrayBuffer(threads * cellsPerLine * 4),
      books: SharedBooks.memoryFor(threads),
    };
    this.#books = new SharedBooks(this.#memory.books);
    this.#board = new PermitBoard(this.#memory.permits, cells);
    this.#board.use(count);
    this.#waiting = new WaitingBoard(this.#memory.waiting, cells);
    this.#waiting.threads = 1;
    this.#makeBells = bells;
    this.books = this.#books.of(poolThread);
    const running = (index: number): number => this.#books.of(index).counters.get('running');
    this.room = new WaitingRoom(this.#waiting, poolThread, running, this.#board);
  }

  /** See QueueShare. */
  permitsFor(user: PermitUser): Permits {
    const ring = (index: number): void => this.#ring(index);
    this.#holder = new PermitHolder({ index: poolThread, board: this.#board, waiting: this.#waiting, ring }, user);
    return this.#holder;
  }

  /** The counters of all threads, those that have ended included. */
  get counters(): QueueCounters {
    return this.#books.counters(this.#waiting.threads);
  }

  /** How long requests waited and ran in all threads. */
  get durations(): DurationsSnapshot {
    return this.#books.durations(this.#waiting.threads);
  }

  /** From now on there are so many permits. */
  use(count: number): void {
    this.#board.use(count);
    this.#ringAll();
    this.#holder?.look();
  }

  /** A front thread may take permits from now on. */
  open(index: number, port: PermitPort): void {
    if (!(index > poolThread && index < this.#threads)) throw new RangeError(`there is no thread ${index}`);
    if (this.#bells === null) {
      this.#bells = this.#makeBells(this.#memory.bells);
      this.#bells.listen(poolThread, () => this.look());
    }
    this.forget(index);
    if (index >= this.#waiting.threads) this.#waiting.threads = index + 1;
    this.#ports.set(index, port);
    port.on('message', (_: FromPermitThread) => {
      if (this.#ports.get(index) === port) this.#release(index);
    });
    port.unref();
  }

  /** What a front thread needs besides its port. */
  get shared(): Omit<PermitsShared, 'port'> {
    return { ...this.#memory, isDrained: this.#isDrained };
  }

  /**
   * A front thread has ended: what it held is nobody's, what was kept for it others may have, and what it counted stays counted.
   * Means nothing where it had not been opened, or has left. After `close()` only its processes are told of.
   * @param outlived told of each process of it that still lives: its permit is not free before `isGone` is called
   */
  forget(index: number, outlived: Outlived = (_, isGone) => isGone()): void {
    const isOpen = this.#ports.has(index);
    if (isOpen) this.#books.of(index).counters.abandon();
    for (const row of this.#board.rows) {
      const { pid, startTicks } = row;
      if (pid === 0 || !moveTo(row, index, poolThread)) continue;
      outlived({ pid, startTicks }, () => {
        row.runs(0, 0);
        if (!isOpen) return;
        this.#holder?.giveBack(row, false);
        this.#holder?.serve();
      });
    }
    if (isOpen) this.#release(index);
  }

  /** The event loop of a front thread does not turn: nobody keeps a permit for what waits in it, until it says once more that it waits. */
  passOver(index: number): void {
    this.#waiting.passOver(index, this.#board.rows);
    this.#holder?.match();
    this.#ringAll();
  }

  /** What is done when the bell of the pool's thread has been rung. */
  look(): void {
    this.#holder?.look();
  }

  /** An operator has all threads take no requests, or take them again. @param own the queue of this thread */
  drain(own: OperatedQueue, isDrained: boolean): void {
    this.#isDrained = isDrained;
    own.drain(isDrained);
    for (const port of this.#ports.values()) port.postMessage({ type: 'drain', isDrained } satisfies ToPermitThread);
  }

  /** An operator ends a request. @returns false: it does not run any more; of one in a front thread that is not known here */
  endRequest(own: OperatedQueue, number: number): boolean {
    const index = threadOfNumber(number);
    if (index === poolThread) return own.endRequest(number);
    const port = this.#ports.get(index);
    port?.postMessage({ type: 'end-request', number } satisfies ToPermitThread);
    return port !== undefined;
  }

  /** Repeatable. */
  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
    this.#bells?.close();
  }

  /** One that has left goes on counting, since it refuses what comes. */
  #release(index: number): void {
    this.#ports.get(index)?.close();
    this.#ports.delete(index);
    // First: nobody is to keep another permit for it.
    this.#waiting.note(index, 0, 0);
    for (const row of this.#board.rows) takeFrom(row, index);
    this.#holder?.match();
    // It may have ended between what it did and the ring for it.
    this.#ringAll();
  }

  #ring(index: number): void {
    if (index === poolThread) this.#holder?.look();
    else this.#bells?.ring(index);
  }

  #ringAll(): void {
    for (const index of this.#ports.keys()) this.#ring(index);
  }
}

/** One that a request of a thread runs with has another holder. @returns false: it does not run there */
function moveTo(row: PermitWord, from: number, to: number): boolean {
  for (;;) {
    const { word } = row;
    const state = stateOf(word);
    if (holderOf(word) !== from || (state !== 'busy' && state !== 'draining')) return false;
    if (row.swap(word, heldBy(word, to))) return true;
  }
}

function takeFrom(row: PermitWord, index: number): void {
  for (;;) {
    const { word } = row;
    const isHeld = holderOf(word) === index;
    let next = word;
    if (isHeld && (stateOf(word) === 'draining' || stateOf(word) === 'stopping')) next = 0;
    else if (isHeld) next = inState(heldBy(word, nobody), 'idle');
    if (next !== 0 && takerOf(word) === index) next = keptFor(next, nobody);
    if (next === word || row.swap(word, next)) return;
  }
}
