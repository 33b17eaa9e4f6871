// The permits of a pool without lanes, in shared memory: one word each, as a lane has (`leases.ts`), so that they are leased as lanes are.
//
//   | how many words are looked at | word | word | ... | since when it is free, ms | so | ... | pid | pid | ... | when that began | so | ...
//
// `gone`: there is no such permit; `busy`, `draining`: a request runs with it, and it goes when that has ended. One that a thread holds while it
// is `idle` goes with a connection that this thread has kept: nobody else may have it before that is closed. `stopping`: it goes when that is.
//
// The pid is of the process that runs with it, where that is one of ours (CGI): it may outlive the thread that has started it. 0: there is none.
// When it began (the lower 32 bits of `ProcessStat.startTicks`) tells it from a later process with the same number; 0: that is not known.

import type { LaneState } from '../worker/state.ts';
import {
  atomicCells,
  type Cells,
  type CellsMaker,
  holderOf,
  type Leased,
  laneWord,
  nobody,
  stateOf,
} from './lane-word.ts';
import { laterBy } from './leases.ts';
import { wholeMs } from './waiting-board.ts';

/** As many as the configuration takes for `workers`. */
export const mostPermits = 4_096;

/** By which the clock of a thread may be ahead of that of another. */
const mostAheadMs = 60_000;

const gone = 0;
const free = laneWord('idle', nobody, nobody, 0);

/** One. */
export class PermitWord implements Leased {
  readonly #cells: Cells;
  readonly #at: number;

  constructor(cells: Cells, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  get word(): number {
    return this.#cells.load(this.#at);
  }

  swap(from: number, to: number): boolean {
    return this.#cells.swap(this.#at, from, to);
  }

  /** See Leased. What is far in the future was long ago: its cell has run over since. */
  idleMs(nowMs: number): number {
    const ms = laterBy(this.#cells.load(this.#at + mostPermits), wholeMs(nowMs));
    return ms < -mostAheadMs ? Number.POSITIVE_INFINITY : ms;
  }

  /** To be said before it is free. */
  noteFree(nowMs: number): void {
    this.#cells.store(this.#at + mostPermits, wholeMs(nowMs));
  }

  get pid(): number {
    return this.#cells.load(this.#at + 2 * mostPermits);
  }

  get startTicks(): number {
    return this.#cells.load(this.#at + 3 * mostPermits);
  }

  /** For its holder. The pid comes last: whoever sees it sees when that process began. */
  runs(pid: number, startTicks: number): void {
    this.#cells.store(this.#at + 3 * mostPermits, startTicks);
    this.#cells.store(this.#at + 2 * mostPermits, pid);
  }
}

export class PermitBoard {
  readonly #cells: Cells;
  readonly #made: PermitWord[] = [];
  #rows: readonly PermitWord[] = [];

  constructor(buffer: SharedArrayBuffer, cells: CellsMaker = atomicCells) {
    this.#cells = cells(buffer);
  }

  /** Those that there are, or were. */
  get rows(): readonly PermitWord[] {
    const count = this.#cells.load(0);
    if (count === this.#rows.length) return this.#rows;
    for (let index = this.#made.length; index < count; index += 1)
      this.#made.push(new PermitWord(this.#cells, index + 1));
    this.#rows = this.#made.slice(0, count);
    return this.#rows;
  }

  /**
   * From now on there are so many. One that a request runs with goes when that has ended: so what began within the old limit ends within it.
   * To be called by one thread alone.
   */
  use(count: number): void {
    if (count > this.#cells.load(0)) this.#cells.store(0, count);
    const { rows } = this;
    for (let missing = count - livingOf(rows); missing !== 0; missing = count - livingOf(rows)) {
      const [first, second] = missing > 0 ? ([revive, add] as const) : ([drop, retire] as const);
      if (!rows.some(first)) rows.some(second);
    }
  }
}

/** Memory for as many as there may be. The system gives pages of it only where something is written. */
export function newPermitMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + 4 * mostPermits) * 4);
}

/** A request has ended on one that is not wanted any more. @returns false: it is wanted again */
export function endPermit(row: PermitWord): boolean {
  const { word } = row;
  return stateOf(word) === 'draining' && row.swap(word, gone);
}

function livingOf(rows: readonly PermitWord[]): number {
  return rows.filter(({ word }) => stateOf(word) === 'idle' || stateOf(word) === 'busy').length;
}

/** Each changes one permit, or says that it cannot. */
function add(row: PermitWord): boolean {
  const { word } = row;
  const isGone = word === gone || (stateOf(word) === 'stopping' && holderOf(word) === nobody);
  return isGone && row.swap(word, free);
}

function drop(row: PermitWord): boolean {
  const { word } = row;
  const next = holderOf(word) === nobody ? gone : laneWord('stopping', holderOf(word), nobody, 0);
  return stateOf(word) === 'idle' && row.swap(word, next);
}

const revive = (row: PermitWord): boolean => moved(row, 'draining', 'busy') || moved(row, 'stopping', 'idle');
const retire = (row: PermitWord): boolean => moved(row, 'busy', 'draining');

/** One that is held. */
function moved(row: PermitWord, from: LaneState, to: LaneState): boolean {
  const { word } = row;
  const isSo = stateOf(word) === from && holderOf(word) !== nobody;
  return isSo && row.swap(word, laneWord(to, holderOf(word), nobody, 0));
}
