// The scoreboard: the only copy of each lane's state and of every counter, as typed columns in one SharedArrayBuffer.
//
//   | counters, f64 each | f64 columns: slots each | i32 columns | u8 columns |
//
// One thread writes; others may read it as it changes. Method, URL and environment stand beside it as references to what
// each request has anyway: three stores a request, where bytes in a column would cost an encoding each. They are read by snapshot() alone.

import type { CgiRequest, Environment } from '../protocol/cgi/exchange.ts';
import { environmentOf } from '../protocol/fastcgi/name-values.ts';
import type { StopReason } from '../queue/pool-snapshot.ts';
import { type LaneState, laneMoves } from '../worker/state.ts';

const states = ['gone', 'starting', 'idle', 'busy', 'draining', 'stopping'] as const satisfies readonly LaneState[];
const reasons = [
  'idle',
  'max-requests',
  'max-age',
  'max-memory',
  'timeout',
  'crash',
  'protocol-error',
  'abandoned',
  'reload',
  'operator',
  'shutdown',
] as const satisfies readonly StopReason[];

const wideColumns = [
  'startedAtMs',
  'sinceMs',
  'waitedMs',
  'beganAtMs',
  'ranMs',
  'requests',
  'workedMs',
  'memoryBytes',
  'cpuMs',
] as const;
const narrowColumns = ['pid', 'workerPid', 'generation'] as const;
/** Counters by name: where each stands. What counts requests is the queue's. */
const counterIndex = { spawned: 0, cpuMs: 1 } as const;
const counterCount = Object.keys(counterIndex).length;

/** A column of numbers, one a lane. */
type WideColumn = (typeof wideColumns)[number];
/** A column of whole numbers below 2^31, one a lane. */
type NarrowColumn = (typeof narrowColumns)[number];
/** A counter of the whole pool. */
export type CounterName = keyof typeof counterIndex;

const firstSlots = 16;
const fixedNumbers = counterCount + reasons.length + states.length;
const slotBytes = wideColumns.length * 8 + narrowColumns.length * 4 + 2;

type Columns = Record<WideColumn, Float64Array> & Record<NarrowColumn, Int32Array>;

export class Scoreboard {
  #slots = 0;
  #free: number[] = [];
  #buffer = new SharedArrayBuffer(0);
  #counters: Float64Array = new Float64Array(0);
  #ended: Float64Array = new Float64Array(0);
  #inState: Float64Array = new Float64Array(0);
  #state: Uint8Array = new Uint8Array(0);
  #reason: Uint8Array = new Uint8Array(0);
  #columns: Columns = {} as Columns;
  readonly #methods: string[] = [];
  readonly #urls: string[] = [];
  readonly #environments: (Environment | string | null)[] = [];

  constructor() {
    this.#grow(firstSlots);
  }

  /** All of it but what is said of requests, for a reader in another thread; a new one after the board grew. */
  get buffer(): SharedArrayBuffer {
    return this.#buffer;
  }

  /** Slots, those of lanes that are gone included. */
  get slots(): number {
    return this.#slots;
  }

  /** The columns; to be read by anyone, and written by the pool. Replaced when the board grows: not to be kept. */
  get columns(): Readonly<Columns> {
    return this.#columns;
  }

  /** Takes a slot for a new lane, which is then `starting`. The reason of the lane that had it before stays to be seen. */
  open(nowMs: number): number {
    if (this.#free.length === 0) this.#grow(this.#slots * 2);
    const slot = this.#free.pop()!;
    for (const name of wideColumns) this.#columns[name][slot] = 0;
    for (const name of narrowColumns) this.#columns[name][slot] = 0;
    this.#methods[slot] = '';
    this.#urls[slot] = '';
    this.#environments[slot] = null;
    this.#set(slot, 'starting', nowMs);
    return slot;
  }

  /**
   * Moves a lane to another state: the only place where one changes. A lane that is gone gives its slot back.
   * @throws when the move is not in the table: that is a bug of ours
   */
  move(slot: number, to: LaneState, nowMs: number): void {
    const from = this.state(slot);
    if (!laneMoves[from].includes(to)) throw new Error(`lane ${slot} cannot go from ${from} to ${to}`);
    this.#set(slot, to, nowMs);
    if (to === 'gone') this.#free.push(slot);
  }

  state(slot: number): LaneState {
    return states[this.#state[slot]!]!;
  }

  reason(slot: number): StopReason | null {
    return reasons[this.#reason[slot]! - 1] ?? null;
  }

  setReason(slot: number, reason: StopReason): void {
    this.#reason[slot] = reasons.indexOf(reason) + 1;
  }

  /** How many lanes are in a state. */
  count(state: LaneState): number {
    return this.#inState[states.indexOf(state)]!;
  }

  /** A lane takes a request. */
  begin(
    slot: number,
    request: Pick<CgiRequest, 'method' | 'url' | 'environment' | 'pairs'>,
    waitedMs: number,
    nowMs: number,
  ): void {
    const { columns } = this;
    columns.waitedMs[slot] = waitedMs;
    columns.beganAtMs[slot] = nowMs;
    this.#methods[slot] = request.method;
    this.#urls[slot] = request.url;
    this.#environments[slot] = request.pairs ?? request.environment;
  }

  method(slot: number): string {
    return this.#methods[slot] ?? '';
  }

  url(slot: number): string {
    return this.#urls[slot] ?? '';
  }

  /** The variables of the current request, or the last one; null before the first. */
  environment(slot: number): Environment | null {
    const environment = this.#environments[slot] ?? null;
    return typeof environment === 'string' ? environmentOf(environment) : environment;
  }

  counter(name: CounterName): number {
    return this.#counters[counterIndex[name]]!;
  }

  add(name: CounterName, amount: number): void {
    const index = counterIndex[name];
    this.#counters[index] = this.#counters[index]! + amount;
  }

  /** Counts the end of a process. */
  countEnd(reason: StopReason): void {
    const index = reasons.indexOf(reason);
    this.#ended[index] = this.#ended[index]! + 1;
  }

  /** Processes that ended, by why. */
  ended(): Record<StopReason, number> {
    return Object.fromEntries(reasons.map((reason, index) => [reason, this.#ended[index]!])) as Record<
      StopReason,
      number
    >;
  }

  #set(slot: number, to: LaneState, nowMs: number): void {
    const from = this.#state[slot]!;
    const next = states.indexOf(to);
    this.#inState[from] = this.#inState[from]! - 1;
    this.#inState[next] = this.#inState[next]! + 1;
    this.#state[slot] = next;
    this.#columns.sinceMs[slot] = nowMs;
  }

  /** A larger buffer with what the old one holds. Lanes are bounded by the limits of the generations that are not gone. */
  #grow(slots: number): void {
    const buffer = new SharedArrayBuffer(fixedNumbers * 8 + slots * slotBytes);
    let at = 0;
    const wide = (length: number, from?: Float64Array): Float64Array => {
      const column = new Float64Array(buffer, at, length);
      at += column.byteLength;
      if (from) column.set(from);
      return column;
    };
    const old = this.#columns;
    this.#counters = wide(counterCount, this.#counters);
    this.#ended = wide(reasons.length, this.#ended);
    this.#inState = wide(states.length, this.#inState);
    const columns: Partial<Columns> = {};
    for (const name of wideColumns) columns[name] = wide(slots, old[name]);
    for (const name of narrowColumns) {
      const column = new Int32Array(buffer, at, slots);
      at += column.byteLength;
      if (old[name]) column.set(old[name]);
      columns[name] = column;
    }
    const bytes = (from: Uint8Array): Uint8Array => {
      const column = new Uint8Array(buffer, at, slots);
      at += column.byteLength;
      column.set(from);
      return column;
    };
    this.#state = bytes(this.#state);
    this.#reason = bytes(this.#reason);
    this.#columns = columns as Columns;
    this.#inState[0] = this.#inState[0]! + slots - this.#slots;
    // The lowest slots are taken first.
    for (let slot = slots - 1; slot >= this.#slots; slot -= 1) this.#free.push(slot);
    this.#slots = slots;
    this.#buffer = buffer;
  }
}
