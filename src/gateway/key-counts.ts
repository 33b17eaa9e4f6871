// How many there are of each key, as several threads count them in shared memory: each thread writes its own slots, and all read.
//
//   slots of one thread: | the key as a hash of 32 bits | how many, i32 |  their number is a power of two
//
// A slot is found from the hash, within a window; one whose count is 0 is free. Two keys with the same hash share their count, which happens to one
// pair of 4 thousand million.

import { hashOf } from '../protocol/text.ts';

const slotCells = 2;
/** How often a place is tried to be had, where other threads try at the same moment. */
const mostTries = 16;

/** What so many slots take. */
export const keyCountsBytes = (slots: number): number => slots * slotCells * Int32Array.BYTES_PER_ELEMENT;

export class KeyCounts {
  readonly #own: Int32Array;
  readonly #all: readonly Int32Array[];
  readonly #window: number;

  /** @param all the slots of each thread, and nothing else @param own which of them are this one's @param window slots in which a key is looked for */
  constructor(all: readonly Int32Array[], own: number, window: number) {
    this.#all = all;
    this.#own = all[own]!;
    this.#window = window;
  }

  /** How many there are, in all threads. */
  of(key: string): number {
    return this.#sum(hashOf(key));
  }

  /** Counts one more, unless so many are. A window that is full of other keys counts nothing. @param most 0: no limit @returns whether there may be one more */
  add(key: string, most: number): boolean {
    const hash = hashOf(key);
    const at = this.#slotWith(this.#own, hash);
    const slot = at >= 0 ? at : this.#freeSlot(hash);
    for (let tries = 0; tries < mostTries; tries += 1) {
      if (most > 0 && this.#sum(hash) >= most) return false;
      if (slot < 0) return true;
      Atomics.store(this.#own, slot, hash);
      Atomics.add(this.#own, slot + 1, 1);
      // Counted first: of two that come at once for the last place, one sees that it is one too many. Where both see it, both try again.
      if (most === 0 || this.#sum(hash) <= most) return true;
      Atomics.sub(this.#own, slot + 1, 1);
    }
    return false;
  }

  /** One of those that were counted has gone. */
  remove(key: string): void {
    const at = this.#slotWith(this.#own, hashOf(key));
    if (at >= 0) Atomics.sub(this.#own, at + 1, 1);
  }

  #sum(hash: number): number {
    let count = 0;
    for (const counts of this.#all) {
      const at = this.#slotWith(counts, hash);
      if (at >= 0) count += Atomics.load(counts, at + 1);
    }
    return count;
  }

  /** Where a key is counted; -1: there is none of it. */
  #slotWith(counts: Int32Array, hash: number): number {
    for (let step = 0; step < this.#window; step += 1) {
      const at = slotAt(counts, hash, step);
      if (Atomics.load(counts, at) === hash && Atomics.load(counts, at + 1) > 0) return at;
    }
    return -1;
  }

  #freeSlot(hash: number): number {
    for (let step = 0; step < this.#window; step += 1) {
      const at = slotAt(this.#own, hash, step);
      if (Atomics.load(this.#own, at + 1) === 0) return at;
    }
    return -1;
  }
}

function slotAt(counts: Int32Array, hash: number, step: number): number {
  return ((hash + step) & (counts.length / slotCells - 1)) * slotCells;
}
