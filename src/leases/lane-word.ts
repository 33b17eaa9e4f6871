// Who may use which lane: the word in which that stands, the memory of it that threads share, and how a thread takes and frees a lane without asking
// anybody. The permits of pools without lanes have the same words.
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
// Each move is a compare and exchange of the word. One that fails has been overtaken, and what it was for is looked at again. The second line, where
// another thread is asked, is in `leases.ts`; how the pool moves a lane in `pool-state.ts`.

import type { LaneState } from '../worker/state.ts';

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

/** What is leased: a lane, or the permit to run a request. */
export interface Leased {
  readonly word: number;
  /** For how long it has been free; means nothing while it is not. */
  idleMs(nowMs: number): number;
  /** @returns false when it had another word than this, and is as it was */
  swap(from: number, to: number): boolean;
}

/** Whether a thread may take it without asking: it is free, the thread's or nobody's, and kept for nobody else. */
export function mayTake(word: number, own: number): boolean {
  if (stateOf(word) !== 'idle') return false;
  const [holder, taker] = [holderOf(word), takerOf(word)];
  return (holder === nobody || holder === own) && (taker === nobody || taker === own);
}

/** Takes a lane for a request of a thread, if that may. @returns whether it has it now */
export function takeLane(row: Leased, own: number, word: number = row.word): boolean {
  return mayTake(word, own) && row.swap(word, inState(keptFor(heldBy(word, own), nobody), 'busy'));
}

/** What is kept for a thread others may have. */
export function unkeep(row: Leased, taker: number): void {
  for (let { word } = row; takerOf(word) === taker; { word } = row) if (row.swap(word, keptFor(word, nobody))) return;
}

/** A request has ended on a lane of a thread: it is free, and stays that thread's where its connection is kept. @returns false when it is to drain, or was taken away */
export function freeLane(row: Leased, own: number, isConnected: boolean): boolean {
  const { word } = row;
  if (stateOf(word) !== 'busy' || holderOf(word) !== own) return false;
  return row.swap(word, inState(heldBy(word, isConnected ? own : nobody), 'idle'));
}
