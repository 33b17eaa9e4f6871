// Who may use which lane: the word in which that stands, and the protocol by which threads take lanes, pass them on and wait for them, over memory
// that all of them share. The permits of pools without lanes are leased in the same way.
//
// The word of a lane on the scoreboard: its state, who holds it, for whom it is kept, and which lane of its slot it is, in 32 bits:
//
//   31 ........ 16 | 15 ... 10 | 9 ... 4 | 3   0
//   tag of the lane|   taker   | holder  | state        holder and taker: index of a thread + 1, 0: nobody
//
// `idle`, held: only its holder may take it, who has a connection to it.  `idle`, held by nobody: whoever comes may; nobody has a connection.
// `idle` with a taker: it is kept for him. While another holds it, that one closes his connection, and then lets go of it.
// `busy`, `draining`: its holder runs a request on it.  `stopping`, held: its holder still has to close his connection.
//
//   idle, nobody's --take--> busy, A's --release--> idle, A's (its connection stays) or nobody's (there is none)
//   idle, B's      --keep--> idle, B's, kept for A --let go--> idle, nobody's, kept for A --take--> busy, A's
//
// 1. A thread takes what it holds, or what nobody holds, without asking anybody.
// 2. Whoever finds a free lane and somebody waiting brings them together: the lane is kept for the thread whose oldest request has waited longest,
//    and so many lanes for a thread as requests wait in it.
// 3. A lane that another holds is let go of by that one, when he has closed his connection.
// 4. Who begins to wait writes that first, and looks for a free lane second. Who frees a lane writes that first, and looks for those that wait second.
//    So one of the two sees the other.
// 5. Where a free lane is taken away, all threads are rung for: who had it closes its connection, for whom it was kept looks for another.
// 6. Who keeps a lane for a thread looks once more whether anybody waits there: the pool writes that nobody does when a thread has ended, and takes
//    back what was kept for it then.
// 7. Each move is a compare and exchange of the lane's word. One that fails has been overtaken, and what it was for is looked at again.

import type { LaneState } from '../worker/state.ts';

/** States by their numbers in a word; 0 is what memory begins with. */
export const laneStates = [
  'gone',
  'starting',
  'idle',
  'busy',
  'draining',
  'stopping',
] as const satisfies readonly LaneState[];

/** In place of a thread's index. */
export const nobody = -1;
/** Threads that a word has room for; that of the pool counts as one. */
export const mostThreads = 63;

const numberOf = Object.fromEntries(laneStates.map((state, number) => [state, number])) as Record<LaneState, number>;
const holderShift = 4;
const takerShift = 10;
const tagShift = 16;
const stateMask = 0xf;
const threadMask = 0x3f;

/** A word. @param holder index of a thread, or `nobody`; so is `taker` */
export function laneWord(state: LaneState, holder: number, taker: number, tag: number): number {
  return numberOf[state] | ((holder + 1) << holderShift) | ((taker + 1) << takerShift) | (tag << tagShift);
}

export const stateOf = (word: number): LaneState => laneStates[word & stateMask]!;

export const holderOf = (word: number): number => ((word >>> holderShift) & threadMask) - 1;

export const takerOf = (word: number): number => ((word >>> takerShift) & threadMask) - 1;

/** The number of the lane among those that its slot has had, modulo 2^16: whoever comes late with word of an earlier one is known by it. */
export const tagOf = (word: number): number => word >>> tagShift;

/** The same lane in another state. */
export function inState(word: number, state: LaneState): number {
  return (word & ~stateMask) | numberOf[state];
}

/** The same lane, held by another. */
export function heldBy(word: number, holder: number): number {
  return (word & ~(threadMask << holderShift)) | ((holder + 1) << holderShift);
}

/** The same lane, kept for somebody. */
export function keptFor(word: number, taker: number): number {
  return (word & ~(threadMask << takerShift)) | ((taker + 1) << takerShift);
}

/** Whether it may be given to anybody: it is free, and kept for nobody. */
export function isFree(word: number): boolean {
  return (word & (stateMask | (threadMask << takerShift))) === numberOf.idle;
}

/**
 * Cells of 32 bits that any thread may read and change at any moment. All that the protocol of leases shares goes through these three, so
 * that a test can let threads change places at each of them.
 */
export interface Cells {
  load(at: number): number;
  store(at: number, value: number): void;
  /** Changes a cell from one value to another. @returns false when it had a third, and is as it was */
  swap(at: number, from: number, to: number): boolean;
}

/** Makes cells of shared memory. */
export type CellsMaker = (buffer: SharedArrayBuffer) => Cells;

class AtomicCells implements Cells {
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  load(at: number): number {
    return Atomics.load(this.#cells, at);
  }

  store(at: number, value: number): void {
    Atomics.store(this.#cells, at, value);
  }

  swap(at: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#cells, at, from, to) === from;
  }
}

export const atomicCells: CellsMaker = (buffer) => new AtomicCells(buffer);

/** One hand-over: a request that waits elsewhere has to have waited so much longer before a lane that is in use here goes there. */
export const handOverMs = 5;

/** What is leased: a lane, or the permit to run a request. */
export interface Leased {
  readonly word: number;
  /** @returns false when it had another word than this, and is as it was */
  swap(from: number, to: number): boolean;
}

/** What is looked at of those that wait: see `WaitingBoard`. */
export interface Waits {
  readonly isAlone: boolean;
  readonly threads: number;
  waiting(index: number): number;
  oldestMs(index: number): number;
  isWaitedElsewhere(own: number): boolean;
}

/** What one thread does with the lanes, or permits, of a pool. */
export class Leases<Row extends Leased> {
  /** The index of this thread. */
  readonly own: number;
  readonly #board: { readonly rows: readonly Row[] };
  readonly #waiting: Waits;
  readonly #ring: (index: number) => void;

  constructor(own: number, board: { readonly rows: readonly Row[] }, waiting: Waits, ring: (index: number) => void) {
    this.own = own;
    this.#board = board;
    this.#waiting = waiting;
    this.#ring = ring;
  }

  /** Whether there is another thread than this one. */
  get isShared(): boolean {
    return !this.#waiting.isAlone;
  }

  /** Takes a lane for a request, if it is ours or nobody's, and kept for nobody else. */
  take(row: Row, word: number = row.word): boolean {
    return this.#mayTake(word) && row.swap(word, inState(keptFor(heldBy(word, this.own), nobody), 'busy'));
  }

  /** Takes a lane that is kept for us, or else one that is ours or nobody's; null: there is none. @param isKnown whether it can be used here */
  find(isKnown: (row: Row) => boolean): Row | null {
    if (this.isShared) {
      for (const row of this.#board.rows) {
        const { word } = row;
        if (takerOf(word) === this.own && isKnown(row) && this.take(row, word)) return row;
      }
      if (this.#waiting.isWaitedElsewhere(this.own)) return null;
    }
    for (const row of this.#board.rows) {
      const { word } = row;
      if (this.#mayTake(word) && isKnown(row) && this.take(row, word)) return row;
    }
    return null;
  }

  /**
   * Has a lane that is free elsewhere kept for us, before anybody waits for it.
   * @param beyond lanes that are kept for us already and have their use
   * @returns whether more than those are on their way
   */
  ask(beyond: number): boolean {
    if (this.coming(this.own) > beyond) return true;
    if (this.#waiting.isWaitedElsewhere(this.own)) return false;
    for (const row of this.#board.rows) if (this.#keep(row, this.own)) return true;
    return false;
  }

  /** A request has ended on a lane of ours: it is free, and stays ours where its connection is kept. @returns false when it is to drain, or was taken away */
  release(row: Row, isConnected: boolean): boolean {
    const { word } = row;
    if (stateOf(word) !== 'busy' || holderOf(word) !== this.own) return false;
    return row.swap(word, inState(heldBy(word, isConnected ? this.own : nobody), 'idle'));
  }

  /** Who should have a lane that ends a request here; `nobody`: we keep it. @param ownSinceMs since when one waits here; null: none does */
  heir(ownSinceMs: number | null): number {
    if (this.#waiting.isAlone || !this.#waiting.isWaitedElsewhere(this.own)) return nobody;
    const heir = this.#neediest(ownSinceMs === null ? nobody : this.own);
    if (heir === nobody || ownSinceMs === null) return heir;
    return laterBy(this.#waiting.oldestMs(heir), ownSinceMs) > handOverMs ? heir : nobody;
  }

  /** Passes a lane of ours on, whose request has ended and whose connection is closed. @returns false when it is to drain, or was taken away */
  pass(row: Row, heir: number): boolean {
    const { word } = row;
    if (stateOf(word) !== 'busy' || holderOf(word) !== this.own) return false;
    const kept = inState(keptFor(heldBy(word, nobody), heir), 'idle');
    if (!row.swap(word, kept)) return false;
    if (this.#isWaitedFor(row, kept)) this.#ring(heir);
    else this.match();
    return true;
  }

  /** Lets go of a lane to which we have no connection any more, or none yet. Nothing, where it is not ours or a request runs on it. */
  letGo(row: Row): void {
    for (;;) {
      const { word } = row;
      const state = stateOf(word);
      if (holderOf(word) !== this.own || state === 'busy' || state === 'draining') return;
      if (!row.swap(word, heldBy(word, nobody))) continue;
      if (takerOf(word) !== nobody) this.#ring(takerOf(word));
      return;
    }
  }

  /** Gives up what is kept for us beyond what waits here. @returns whether there was any: others may have use of it */
  decline(): boolean {
    const surplus = this.coming(this.own) - this.#waiting.waiting(this.own);
    let left = surplus;
    for (const row of this.#board.rows) {
      if (left <= 0) break;
      const { word } = row;
      const isKept = takerOf(word) === this.own && stateOf(word) === 'idle';
      if (isKept && row.swap(word, keptFor(word, nobody))) left -= 1;
    }
    return surplus > 0;
  }

  /** Brings free lanes and those that wait together. @returns whether one of them is for us, and nobody has to let go of it first */
  match(): boolean {
    let isOurs = false;
    for (;;) {
      const taker = this.#neediest(nobody);
      if (taker === nobody) return isOurs;
      const row = this.#board.rows.find((one) => isFree(one.word));
      if (row === undefined) return isOurs;
      const { word } = row;
      const kept = keptFor(word, taker);
      if (!isFree(word) || !row.swap(word, kept) || !this.#isWaitedFor(row, kept)) continue;
      const holder = holderOf(word);
      const isReady = holder === nobody || holder === taker;
      if (!isReady) this.#ring(holder);
      else if (taker === this.own) isOurs = true;
      else this.#ring(taker);
    }
  }

  /** How many lanes are kept for a thread. */
  coming(index: number): number {
    let coming = 0;
    for (const { word } of this.#board.rows) if (takerOf(word) === index && stateOf(word) === 'idle') coming += 1;
    return coming;
  }

  #mayTake(word: number): boolean {
    if (stateOf(word) !== 'idle') return false;
    const [holder, taker] = [holderOf(word), takerOf(word)];
    return (holder === nobody || holder === this.own) && (taker === nobody || taker === this.own);
  }

  /** Whether somebody waits still where a lane was kept for; else it is free again: that thread may have ended, and would never come. */
  #isWaitedFor(row: Row, kept: number): boolean {
    if (this.#waiting.waiting(takerOf(kept)) > 0) return true;
    row.swap(kept, keptFor(kept, nobody));
    return false;
  }

  #keep(row: Row, taker: number): boolean {
    const { word } = row;
    if (!isFree(word) || !row.swap(word, keptFor(word, taker))) return false;
    const holder = holderOf(word);
    if (holder !== nobody && holder !== taker) this.#ring(holder);
    return true;
  }

  /** The thread whose oldest has waited longest, of those in which more wait than lanes are kept for; `nobody`: there is none. */
  #neediest(but: number): number {
    const waiting = this.#waiting;
    let neediest = nobody;
    for (let index = waiting.threads - 1; index >= 0; index -= 1) {
      if (index === but || waiting.waiting(index) === 0 || waiting.waiting(index) <= this.coming(index)) continue;
      if (neediest === nobody || laterBy(waiting.oldestMs(index), waiting.oldestMs(neediest)) > 0) neediest = index;
    }
    return neediest;
  }
}

/** How much later the second is than the first: both may have passed the end of their cell since. */
export const laterBy = (first: number, second: number): number => (second - first) | 0;
