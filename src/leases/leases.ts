// How the threads of a pool share its lanes: by which they take them, pass them on and wait for them, over memory that all of them share. The permits of
// pools without lanes are leased in the same way. What a lane's word says is in `lane-word.ts`.
//
// 1. A thread takes what it holds, or what nobody holds, without asking anybody.
// 2. Whoever finds a free lane and somebody waiting brings them together: the lane is kept for the thread whose oldest request has waited longest,
//    and so many lanes for a thread as requests wait in it.
// 3. A lane that another holds is let go of by that one, when he has closed his connection. What he had use of a moment ago stays his: clients come back
//    at once, and lanes would go to and fro. So who waits looks again, time after time; and who ends a request looks whether others should have the lane.
// 4. Who begins to wait writes that first, and looks for a free lane second. Who frees a lane writes that first, and looks for those that wait second.
//    So one of the two sees the other.
// 5. Where a free lane is taken away, all threads are rung for: who had it closes its connection, for whom it was kept looks for another.
// 6. Who keeps a lane for a thread looks once more whether anybody waits there: the pool writes that nobody does when a thread has ended, or does not turn, and
//    takes back what was kept for it then. Who looks again writes again that he waits.

import type { Clock } from '../clock.ts';
import {
  heldBy,
  holderOf,
  inState,
  isFree,
  keptFor,
  type Leased,
  mayTake,
  nobody,
  stateOf,
  takeLane,
  takerOf,
} from './lane-word.ts';

/** One hand-over: a request that waits elsewhere has to have waited so much longer before a lane that is in use here goes there. */
export const handOverMs = 5;
/**
 * The same where requests wait in both threads, and the lane has a connection: then it costs the time of some requests, of which each waits in one of them. With 5 ms the lanes of more
 * threads than they are enough for went to and fro, by which everybody waited twice as long.
 */
export const overtakeMs = 25;
/** A lane that is free for so long is of no use where it is held. */
export const lingerMs = 2;

/** What is looked at of those that wait: see `WaitingBoard`. */
export interface Waits {
  readonly isAlone: boolean;
  readonly threads: number;
  waiting(index: number): number;
  oldestMs(index: number): number;
  isWaitedElsewhere(own: number): boolean;
}

/** What `Leases` is made from. */
export interface LeasesOptions<Row> {
  /** The index of this thread. */
  readonly own: number;
  readonly board: { readonly rows: readonly Row[] };
  readonly waiting: Waits;
  /** Has another thread look at the board. */
  readonly ring: (index: number) => void;
  readonly clock: Pick<Clock, 'now'>;
}

/** What one thread does with the lanes, or permits, of a pool. */
export class Leases<Row extends Leased> {
  readonly #own: number;
  readonly #board: { readonly rows: readonly Row[] };
  readonly #waiting: Waits;
  readonly #ring: (index: number) => void;
  readonly #clock: Pick<Clock, 'now'>;

  constructor({ own, board, waiting, ring, clock }: LeasesOptions<Row>) {
    this.#own = own;
    this.#board = board;
    this.#waiting = waiting;
    this.#ring = ring;
    this.#clock = clock;
  }

  /** Takes a lane that is kept for us, or else one that is ours or nobody's; null: there is none. @param isKnown whether it can be used here */
  find(isKnown: (row: Row) => boolean): Row | null {
    if (!this.#waiting.isAlone) {
      for (const row of this.#board.rows) {
        const { word } = row;
        if (takerOf(word) === this.#own && isKnown(row) && takeLane(row, this.#own, word)) return row;
      }
      if (this.#waiting.isWaitedElsewhere(this.#own)) return null;
    }
    for (const row of this.#board.rows) {
      const { word } = row;
      if (mayTake(word, this.#own) && isKnown(row) && takeLane(row, this.#own, word)) return row;
    }
    return null;
  }

  /**
   * Has a lane that is free elsewhere kept for us, before anybody waits for it.
   * @param beyond lanes that are kept for us already and have their use
   * @returns whether more than those are on their way
   */
  ask(beyond: number): boolean {
    if (this.coming(this.#own) > beyond) return true;
    if (this.#waiting.isWaitedElsewhere(this.#own)) return false;
    // One that lingers elsewhere is first for those that wait here already.
    for (const row of this.#board.rows) if (this.#keep(row, this.#own) && this.coming(this.#own) > beyond) return true;
    return false;
  }

  /**
   * Who should have a lane that ends a request here; `nobody`: we keep it.
   * 1. A lane that has no connection: whoever waits, where nobody does here.
   * 2. Another whose oldest has waited for more than a hand-over, where nobody waits here; else one whose oldest has waited longer than ours by more than `overtakeMs`.
   * 3. One whose oldest has not waited less than ours by more than a hand-over, and which has fewer lanes for what waits and runs there than we have, and still would with this one: so lanes come to rest where they are of use.
   *
   * A lane that has a connection goes to no thread for which one is on its way: one that has no processor is late with all that it has, and wants none of them.
   * @param ownSinceMs since when one waits here; null: none does
   * @param mostWaiting how many waited here lately, at most; null: the lane has no connection
   */
  heir(ownSinceMs: number | null, mostWaiting: number | null): number {
    const waiting = this.#waiting;
    if (waiting.isAlone || !waiting.isWaitedElsewhere(this.#own)) return nobody;
    const heir = this.#neediest(ownSinceMs === null ? nobody : this.#own, mostWaiting !== null);
    if (heir === nobody || (ownSinceMs === null && mostWaiting === null)) return heir;
    const nowMs = this.#clock.now();
    const laterMs = laterBy(waiting.oldestMs(heir), ownSinceMs ?? nowMs);
    const isCostly = ownSinceMs !== null && mostWaiting !== null;
    if (laterMs > (isCostly ? overtakeMs : handOverMs)) return heir;
    const mayBalance = mostWaiting !== null && laterMs >= -handOverMs;
    return mayBalance && this.#isShorter(heir, mostWaiting, nowMs) ? heir : nobody;
  }

  /** Passes a lane of ours on, whose request has ended and whose connection is closed. @returns false when it is to drain, or was taken away */
  pass(row: Row, heir: number): boolean {
    const { word } = row;
    if (stateOf(word) !== 'busy' || holderOf(word) !== this.#own) return false;
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
      if (holderOf(word) !== this.#own || state === 'busy' || state === 'draining') return;
      if (!row.swap(word, heldBy(word, nobody))) continue;
      if (takerOf(word) !== nobody) this.#ring(takerOf(word));
      else this.match();
      return;
    }
  }

  /** Gives up what is kept for us beyond what waits here. @returns whether there was any: others may have use of it */
  decline(): boolean {
    const surplus = this.coming(this.#own) - this.#waiting.waiting(this.#own);
    let left = surplus;
    for (const row of this.#board.rows) {
      if (left <= 0) break;
      const { word } = row;
      const isKept = takerOf(word) === this.#own && stateOf(word) === 'idle';
      if (isKept && row.swap(word, keptFor(word, nobody))) left -= 1;
    }
    return surplus > 0;
  }

  /** Brings free lanes and those that wait together. @returns whether one of them is for us, and nobody has to let go of it first */
  match(): boolean {
    let isOurs = false;
    for (;;) {
      const taker = this.#neediest(nobody, false);
      if (taker === nobody) return isOurs;
      const row = this.#freeFor(taker);
      if (row === null) return isOurs;
      const { word } = row;
      const kept = keptFor(word, taker);
      if (!isFree(word) || !row.swap(word, kept) || !this.#isWaitedFor(row, kept)) continue;
      const holder = holderOf(word);
      const isReady = holder === nobody || holder === taker;
      if (!isReady) this.#ring(holder);
      else if (taker === this.#own) isOurs = true;
      else this.#ring(taker);
    }
  }

  /** How many lanes are kept for a thread. */
  coming(index: number): number {
    let coming = 0;
    for (const { word } of this.#board.rows) if (takerOf(word) === index && stateOf(word) === 'idle') coming += 1;
    return coming;
  }

  /** How many lanes have a process that starts. */
  get starting(): number {
    return this.#board.rows.filter(({ word }) => stateOf(word) === 'starting').length;
  }

  /** A lane that may be kept for a thread: one that no other holds, or else one of which its holder has no use. */
  #freeFor(taker: number): Row | null {
    const { rows } = this.#board;
    const nowMs = this.#clock.now();
    let held: Row | null = null;
    for (const row of rows) {
      const { word } = row;
      if (!isFree(word)) continue;
      const holder = holderOf(word);
      if (holder === nobody || holder === taker) return row;
      if (held === null && row.idleMs(nowMs) >= lingerMs) held = row;
    }
    return held;
  }

  /** Whether another has fewer lanes for what waits and runs there than this thread, and still would with one of ours. */
  #isShorter(other: number, mostWaiting: number, nowMs: number): boolean {
    let [ours, theirs, used, busy] = [0, 0, 0, 0];
    for (const row of this.#board.rows) {
      const { word } = row;
      const state = stateOf(word);
      if (state !== 'busy' && state !== 'idle') continue;
      const owner = takerOf(word) === nobody ? holderOf(word) : takerOf(word);
      if (owner === this.#own) {
        ours += 1;
        if (state === 'busy' || row.idleMs(nowMs) < lingerMs) used += 1;
      } else if (owner === other) {
        theirs += 1;
        if (state === 'busy') busy += 1;
      }
    }
    if (ours < 2) return false;
    return theirs === 0 || (this.#waiting.waiting(other) + busy) * (ours - 1) > (mostWaiting + used) * (theirs + 1);
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

  /**
   * The thread whose oldest has waited longest, of those in which more wait than lanes are kept for; `nobody`: there is none.
   * @param isFirst only of those for which none is kept
   */
  #neediest(but: number, isFirst: boolean): number {
    const waiting = this.#waiting;
    let neediest = nobody;
    for (let index = waiting.threads - 1; index >= 0; index -= 1) {
      if (index === but || waiting.waiting(index) === 0) continue;
      const coming = this.coming(index);
      if (waiting.waiting(index) <= coming || (isFirst && coming > 0)) continue;
      if (neediest === nobody || laterBy(waiting.oldestMs(index), waiting.oldestMs(neediest)) > 0) neediest = index;
    }
    return neediest;
  }
}

/** How much later the second is than the first: both may have passed the end of their cell since. */
export const laterBy = (first: number, second: number): number => (second - first) | 0;
