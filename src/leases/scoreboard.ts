// The scoreboard: the only copy of each lane's state, of what waits in each thread, and of every counter, in memory that the threads share.
//
// It grows by blocks of lanes: a thread keeps those that it has, and hears of each new one before a lane in it is free.

import type { StopReason } from '../queue/pool-snapshot.ts';
import { type LaneState, laneMoves } from '../worker/state.ts';
import { LaneRow, rowBytes, stopReasons } from './lane-row.ts';
import { atomicCells, type CellsMaker, inState, laneStates, stateOf } from './lane-word.ts';

/** Counters by name: where each stands. What counts requests is the queues'. */
const counterIndex = { spawned: 0, cpuMs: 1 } as const;
const counterCount = Object.keys(counterIndex).length;

/** A counter of the whole pool. */
export type CounterName = keyof typeof counterIndex;

const lanesPerBlock = 32;

/** What a thread sees of it. */
export class LaneBoard {
  readonly #cells: CellsMaker;
  readonly #rows: LaneRow[] = [];
  readonly #blocks: SharedArrayBuffer[] = [];

  constructor(cells: CellsMaker = atomicCells) {
    this.#cells = cells;
  }

  /** By slot, those of lanes that are gone included. */
  get rows(): readonly LaneRow[] {
    return this.#rows;
  }

  /** What it is made of. */
  get blocks(): readonly SharedArrayBuffer[] {
    return this.#blocks;
  }

  /** Blocks come in their order. */
  addBlock(block: SharedArrayBuffer): void {
    this.#blocks.push(block);
    const cells = this.#cells(block);
    for (let at = 0; at < block.byteLength; at += rowBytes) {
      this.#rows.push(new LaneRow(this.#rows.length, block, cells, at));
    }
  }
}

/** What the pool writes. */
export class Scoreboard extends LaneBoard {
  #free: number[] = [];
  readonly #counters = new Float64Array(new SharedArrayBuffer(counterCount * 8));
  readonly #ended = new Float64Array(new SharedArrayBuffer(stopReasons.length * 8));
  /** Told of each block that is added. */
  onBlock: ((block: SharedArrayBuffer, index: number) => void) | null = null;

  /** Slots, those of lanes that are gone included. */
  get slots(): number {
    return this.rows.length;
  }

  row(slot: number): LaneRow {
    const row = this.rows[slot];
    if (row === undefined) throw new Error(`there is no lane ${slot}`);
    return row;
  }

  /** Takes a slot for a new lane, which is then `starting`. */
  open(nowMs: number): number {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop()!;
    this.row(slot).open(nowMs);
    return slot;
  }

  /**
   * Moves a lane to another state, as the pool. A lane that is gone gives its slot back.
   * @returns false when it is not in the state from which it was to go: a thread has moved it at this moment
   * @throws when the move is not in the table: that is a bug of ours
   */
  move(slot: number, from: LaneState, to: LaneState, nowMs: number): boolean {
    if (!laneMoves[from].includes(to)) throw new Error(`lane ${slot} cannot go from ${from} to ${to}`);
    const row = this.row(slot);
    for (;;) {
      const { word } = row;
      if (stateOf(word) !== from) return false;
      if (!row.swap(word, inState(word, to))) continue;
      row.sinceMs = nowMs;
      if (to === 'gone') this.#free.push(slot);
      return true;
    }
  }

  state(slot: number): LaneState {
    return this.row(slot).state;
  }

  /** How many lanes are in each state. */
  counts(): Record<LaneState, number> {
    const counts = Object.fromEntries(laneStates.map((state) => [state, 0])) as Record<LaneState, number>;
    for (const row of this.rows) counts[row.state] += 1;
    return counts;
  }

  count(state: LaneState): number {
    let count = 0;
    for (const row of this.rows) if (row.state === state) count += 1;
    return count;
  }

  counter(name: CounterName): number {
    return this.#counters[counterIndex[name]]!;
  }

  add(name: CounterName, amount: number): void {
    this.#counters[counterIndex[name]]! += amount;
  }

  /** Counts the end of a process. */
  countEnd(reason: StopReason): void {
    this.#ended[stopReasons.indexOf(reason)]! += 1;
  }

  /** Processes that ended, by why. */
  ended(): Record<StopReason, number> {
    return Object.fromEntries(stopReasons.map((reason, index) => [reason, this.#ended[index]!])) as Record<
      StopReason,
      number
    >;
  }

  /** Lanes are bounded by the limits of the generations that are not gone. */
  #grow(): void {
    const first = this.slots;
    const block = new SharedArrayBuffer(lanesPerBlock * rowBytes);
    this.addBlock(block);
    // The lowest slots are taken first.
    for (let slot = first + lanesPerBlock - 1; slot >= first; slot -= 1) this.#free.push(slot);
    this.onBlock?.(block, this.blocks.length - 1);
  }
}
