// How many requests wait in each thread, and since when: what whoever has a free lane looks at; and the bells by which one thread has another look.
// In memory that the threads share.

import type { SharedRoom } from '../queue/queue-lines.ts';
import {
  atomicCells,
  type Cells,
  type CellsMaker,
  type Leased,
  mostThreads,
  nobody,
  stateOf,
  takerOf,
  unkeep,
} from './lane-word.ts';

/** One cell a line of the cache: threads that count on their own do not slow each other down. */
export const cellsPerLine = 16;

const cellOf = { waiting: 0, oldestMs: 1, refused: 2, served: 3 } as const;
/** Before the lines of the threads stands how many there are. */
const firstLine = 1;

/** The requests of one thread that wait. */
export interface Waiting {
  readonly waiting: number;
  /** When the oldest began to wait; null: none waits. */
  readonly waitingSinceMs: number | null;
}

/** What each thread writes into its own line, and all read. */
export class WaitingBoard {
  /** Whether this is the pool's own thread, and there is no other: then nobody waits or runs elsewhere, and the memory need not be asked. */
  isAlone = false;
  readonly #cells: Cells;

  constructor(buffer: SharedArrayBuffer = newWaitingMemory(mostThreads), cells: CellsMaker = atomicCells) {
    this.#cells = cells(buffer);
  }

  /** Threads that are looked at: indices below this. */
  get threads(): number {
    return this.#cells.load(0);
  }

  /** Written by the pool alone. */
  set threads(count: number) {
    this.isAlone = count === 1;
    this.#cells.store(0, count);
  }

  /** Requests that wait in a thread and are to be given lanes: none in one that does not turn, until it says again that they wait. */
  waiting(index: number): number {
    return this.#cells.load(lineOf(index) + cellOf.served);
  }

  /** The same, also in one that does not turn. */
  allWaiting(index: number): number {
    return this.#cells.load(lineOf(index) + cellOf.waiting);
  }

  /** When the one began to wait that has waited longest, in whole milliseconds modulo 2^32. */
  oldestMs(index: number): number {
    return this.#cells.load(lineOf(index) + cellOf.oldestMs);
  }

  /** Requests that were refused for want of a lane, so far. */
  refused(index: number): number {
    return this.#cells.load(lineOf(index) + cellOf.refused);
  }

  countRefused(index: number, count: number): void {
    const at = lineOf(index) + cellOf.refused;
    this.#cells.store(at, (this.#cells.load(at) + count) | 0);
  }

  /** Requests that wait in all threads. */
  total(): number {
    let total = 0;
    for (let index = this.threads - 1; index >= 0; index -= 1) total += this.allWaiting(index);
    return total;
  }

  /** Whether any waits in another thread than this one. */
  isWaitedElsewhere(own: number): boolean {
    for (let index = this.threads - 1; index >= 0; index -= 1) {
      if (index !== own && this.waiting(index) > 0) return true;
    }
    return false;
  }

  /** What waits in a thread. Who writes this looks for a free lane afterwards: see `leases.ts`. */
  note(index: number, waiting: number, oldestMs: number): void {
    const line = lineOf(index);
    // Before the number: whoever sees that one waits is to see since when.
    if (waiting > 0) this.#cells.store(line + cellOf.oldestMs, wholeMs(oldestMs));
    this.#cells.store(line + cellOf.waiting, waiting);
    this.#cells.store(line + cellOf.served, waiting);
  }

  /** By a thread that looks again: the pool writes that nobody waits in one that does not turn. */
  noteAgain(index: number, { waiting, waitingSinceMs }: Waiting): void {
    this.note(index, waiting, waitingSinceMs ?? 0);
  }

  /** Written by the pool, of a thread that does not turn: nobody is to keep one of these for it. It writes anew what waits in it when it looks again. */
  passOver(index: number, rows: readonly Leased[]): void {
    // First: else another would be kept for it.
    this.#cells.store(lineOf(index) + cellOf.served, 0);
    for (const row of rows) unkeep(row, index);
  }
}

/** What the queue of one thread knows of the others. */
export class WaitingRoom implements SharedRoom {
  /** See SharedRoom. */
  readonly others: WaitingBoard;
  readonly #index: number;
  readonly #runningIn: (index: number) => number;
  readonly #leased: { readonly rows: readonly { readonly word: number }[] };

  /** @param running requests that run in another thread @param leased lanes or permits, of which some may be kept for a thread */
  constructor(
    board: WaitingBoard,
    index: number,
    running: (index: number) => number,
    leased: { readonly rows: readonly { readonly word: number }[] },
  ) {
    this.others = board;
    this.#index = index;
    this.#runningIn = running;
    this.#leased = leased;
  }

  /** See SharedRoom. */
  note(waiting: number, oldestMs: number): void {
    this.others.note(this.#index, waiting, oldestMs);
  }

  /** See SharedRoom. */
  get waitingElsewhere(): number {
    return this.others.total() - this.others.allWaiting(this.#index);
  }

  /** See SharedRoom. Each lane is looked at once: it may go from one thread to another meanwhile. */
  get coming(): number {
    const { threads } = this.others;
    if (threads === 1) return 0;
    const kept = new Int32Array(threads);
    for (const { word } of this.#leased.rows) {
      if (stateOf(word) === 'idle' && takerOf(word) !== nobody) kept[takerOf(word)]! += 1;
    }
    let coming = 0;
    for (let index = threads - 1; index >= 0; index -= 1)
      coming += Math.min(kept[index]!, this.others.allWaiting(index));
    return coming;
  }

  /** See SharedRoom. */
  get runningElsewhere(): number {
    let running = 0;
    for (let index = this.others.threads - 1; index >= 0; index -= 1) {
      if (index !== this.#index) running += this.#runningIn(index);
    }
    return running;
  }
}

/** Memory for so many threads. */
export function newWaitingMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((firstLine + threads) * cellsPerLine * 4);
}

/** A time as a cell holds it. */
export const wholeMs = (ms: number): number => Math.floor(ms % 2 ** 32) | 0;

const lineOf = (index: number): number => (firstLine + index) * cellsPerLine;

/**
 * A bell says "look", and nothing else: what there is to see stands on the scoreboard. So it does not matter how often it rings, and one that
 * is lost with its thread is lost with nothing in it.
 */
export interface Bells {
  /** Has a thread look soon. */
  ring(index: number): void;
  /** From now on `heard` is called whenever one's own bell has been rung. */
  listen(index: number, heard: () => void): void;
  /** Repeatable. */
  close(): void;
}

/** Makes bells of shared memory. */
export type BellsMaker = (buffer: SharedArrayBuffer) => Bells;

export class SharedBells implements Bells {
  readonly #cells: Int32Array;
  #index = 0;
  #heard: (() => void) | null = null;
  #count = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  ring(index: number): void {
    const at = index * cellsPerLine;
    Atomics.add(this.#cells, at, 1);
    Atomics.notify(this.#cells, at);
  }

  listen(index: number, heard: () => void): void {
    this.#index = index;
    this.#heard = heard;
    this.#count = Atomics.load(this.#cells, index * cellsPerLine);
    this.#wait();
  }

  close(): void {
    if (this.#heard === null) return;
    this.#heard = null;
    // Whoever waits for a bell is kept by the system until it rings.
    this.ring(this.#index);
  }

  #wait(): void {
    if (this.#heard === null) return;
    const { async: isWaiting, value } = Atomics.waitAsync(this.#cells, this.#index * cellsPerLine, this.#count);
    if (isWaiting) void value.then(() => this.#hear());
    else setImmediate(() => this.#hear());
  }

  #hear(): void {
    this.#count = Atomics.load(this.#cells, this.#index * cellsPerLine);
    try {
      this.#heard?.();
    } finally {
      this.#wait();
    }
  }
}
