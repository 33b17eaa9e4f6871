// Threads that change places where they touch shared memory, and nowhere else, in an order that a seed brings back.
//
// Each actor is a thread of its own and runs the real code. Before each access to shared cells it draws who comes next, and waits for its turn.

import type { Clock, Timer } from '../../src/clock.ts';
import { rowBytes } from '../../src/leases/lane-row.ts';
import type { Cells, CellsMaker } from '../../src/leases/lane-word.ts';
import { stateOf } from '../../src/leases/lane-word.ts';
import type { Bells } from '../../src/leases/waiting-board.ts';

/** Actors at most; 0 is whoever leads. */
export const mostActors = 5;

const at = { random: 0, isFree: 1, nowMs: 2, switchIn: 3, pid: 4, steps: 5, failed: 6 } as const;
const perActor = {
  turn: 0,
  isRunning: 1,
  order: 2,
  answer: 3,
  isDoomed: 4,
  heard: 5,
  isActing: 6,
  unheard: 7,
  dueAtMs: 8,
} as const;
const cellsPerActor = 9;
const firstActor = 16;
const connectionsFrom = firstActor + mostActors * cellsPerActor;
/** Slots, and lanes of one slot in a row, whose connections are counted. */
const slots = 64;
const tags = 16;

/** Thrown in a thread that is to die, at whatever access it had come to. */
export class Death extends Error {}

export function newStage(): SharedArrayBuffer {
  return new SharedArrayBuffer((connectionsFrom + slots * tags) * 4);
}

/** What actors share besides what they are tested with. */
export class Stage {
  readonly me: number;
  readonly #cells: Int32Array;
  #isDead = false;

  constructor(buffer: SharedArrayBuffer, me: number) {
    this.#cells = new Int32Array(buffer);
    this.me = me;
  }

  get nowMs(): number {
    return this.#cells[at.nowMs]!;
  }

  /** Accesses so far. */
  get steps(): number {
    return this.#cells[at.steps]!;
  }

  /** Why nothing that follows counts: something did not hold. */
  get hasFailed(): boolean {
    return this.#cells[at.failed] !== 0;
  }

  fail(): void {
    this.#cells[at.failed] = 1;
  }

  advance(ms: number): void {
    this.#cells[at.nowMs]! += ms;
  }

  nextPid(): number {
    this.#cells[at.pid]! += 1;
    return 5_000_000 + this.#cells[at.pid]!;
  }

  /** A new play: nobody has a connection, and the same seed gives the same order. @param switchIn of so many accesses one changes the turn */
  begin(seed: number, switchIn: number): void {
    this.#cells.fill(0, connectionsFrom);
    this.#cells[at.random] = seed | 1;
    this.#cells[at.switchIn] = switchIn;
    this.#cells[at.nowMs] = 0;
    this.#cells[at.steps] = 0;
    this.#cells[at.failed] = 0;
    this.revive();
  }

  /** Below this: a number that the seed gives. */
  draw(below: number): number {
    let state = this.#cells[at.random]!;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#cells[at.random] = state;
    return (state >>> 0) % below;
  }

  /** Whether turns change at all. */
  set isFree(isFree: boolean) {
    this.#cells[at.isFree] = isFree ? 1 : 0;
  }

  /** Before an access to shared memory: others may come first. */
  pause(): void {
    if (this.#isDead) throw new Death();
    this.#cells[at.steps]! += 1;
    if (this.#cells[at.isFree] === 0 || this.draw(this.#cells[at.switchIn]!) !== 0) return;
    this.yield();
  }

  /** Lets another go on, whoever is drawn; comes back when it is this one's turn again. */
  yield(): void {
    const running: number[] = [];
    for (let actor = 0; actor < mostActors; actor += 1)
      if (this.#of(actor, perActor.isRunning) === 1) running.push(actor);
    const next = running[this.draw(running.length)]!;
    if (next === this.me) return;
    this.pass(next);
    this.await();
  }

  /** Gives the turn to another. */
  pass(next: number): void {
    const turn = this.#place(next, perActor.turn);
    Atomics.store(this.#cells, turn, 1);
    Atomics.notify(this.#cells, turn);
  }

  /** Waits for the turn. */
  await(): void {
    const turn = this.#place(this.me, perActor.turn);
    while (Atomics.load(this.#cells, turn) === 0) Atomics.wait(this.#cells, turn, 0);
    Atomics.store(this.#cells, turn, 0);
    if (this.#of(this.me, perActor.isDoomed) === 1) {
      this.#isDead = true;
      throw new Death();
    }
  }

  isRunning(actor: number): boolean {
    return this.#of(actor, perActor.isRunning) === 1;
  }

  setRunning(actor: number, isRunning: boolean): void {
    this.#cells[this.#place(actor, perActor.isRunning)] = isRunning ? 1 : 0;
  }

  /** An actor dies where it stands, the next time that it has the turn. */
  doom(actor: number): void {
    this.#cells[this.#place(actor, perActor.isDoomed)] = 1;
  }

  revive(): void {
    this.#isDead = false;
    this.#cells[this.#place(this.me, perActor.isDoomed)] = 0;
  }

  order(actor: number): number {
    return this.#of(actor, perActor.order);
  }

  setOrder(actor: number, order: number): void {
    this.#cells[this.#place(actor, perActor.order)] = order;
  }

  answer(actor: number): number {
    return this.#of(actor, perActor.answer);
  }

  setAnswer(answer: number): void {
    this.#cells[this.#place(this.me, perActor.answer)] = answer;
  }

  /** Whether an actor is in the midst of something. */
  setActing(actor: number, isActing: boolean): void {
    this.#cells[this.#place(actor, perActor.isActing)] = isActing ? 1 : 0;
  }

  /** Whether nobody is. */
  get isQuiet(): boolean {
    for (let actor = 0; actor < mostActors; actor += 1) if (this.#of(actor, perActor.isActing) === 1) return false;
    return true;
  }

  /** Counts a message to an actor that was sent, or, less, one that it has heard. */
  countMessage(actor: number, by: number): void {
    this.#cells[this.#place(actor, perActor.unheard)]! += by;
  }

  /** Messages that an actor has not heard. */
  unheard(actor: number): number {
    return this.#of(actor, perActor.unheard);
  }

  forgetMessages(actor: number): void {
    this.#cells[this.#place(actor, perActor.unheard)] = 0;
  }

  /** When the next timer of an actor is due; null: it has none. */
  dueAtMs(actor: number): number | null {
    const cell = this.#of(actor, perActor.dueAtMs);
    return cell === 0 ? null : cell - 1;
  }

  setDueAtMs(atMs: number | null): void {
    this.#cells[this.#place(this.me, perActor.dueAtMs)] = atMs === null ? 0 : atMs + 1;
  }

  /** Whether an actor is to do something by now: the bell of its time. */
  isDue(actor: number): boolean {
    const atMs = this.dueAtMs(actor);
    return atMs !== null && atMs <= this.nowMs;
  }

  /** How often an actor's bell had been rung when it looked last. */
  heard(actor: number): number {
    return this.#of(actor, perActor.heard);
  }

  setHeard(count: number): void {
    this.#cells[this.#place(this.me, perActor.heard)] = count;
  }

  /** Who has a connection to a lane: 0 nobody, else an actor and 1. */
  connection(slot: number, tag: number): number {
    return this.#cells[connectionsFrom + (slot % slots) * tags + (tag % tags)]!;
  }

  setConnection(slot: number, tag: number, actor: number): void {
    this.#cells[connectionsFrom + (slot % slots) * tags + (tag % tags)] = actor;
  }

  /** Connections of a thread that has ended are closed. */
  closeAll(actor: number): void {
    for (let cell = connectionsFrom; cell < this.#cells.length; cell += 1) {
      if (this.#cells[cell] === actor) this.#cells[cell] = 0;
    }
  }

  /** Cells each access to which may change the turn. */
  readonly cells: CellsMaker = (buffer) => new SteppedCells(this, buffer);

  #of(actor: number, cell: number): number {
    return this.#cells[this.#place(actor, cell)]!;
  }

  #place(actor: number, cell: number): number {
    return firstActor + actor * cellsPerActor + cell;
  }
}

class SteppedCells implements Cells {
  readonly #stage: Stage;
  readonly #cells: Int32Array;
  readonly #isBlock: boolean;

  constructor(stage: Stage, buffer: SharedArrayBuffer) {
    this.#stage = stage;
    this.#cells = new Int32Array(buffer);
    this.#isBlock = buffer.byteLength % rowBytes === 0;
  }

  load(cell: number): number {
    // Nobody has use of a slot without a lane, and a block of lanes has many.
    if (!this.#isBlock || stateOf(this.#cells[cell]!) !== 'gone') this.#stage.pause();
    return this.#cells[cell]!;
  }

  store(cell: number, value: number): void {
    this.#stage.pause();
    this.#cells[cell] = value;
  }

  swap(cell: number, from: number, to: number): boolean {
    this.#stage.pause();
    if (this.#cells[cell] !== from) return false;
    this.#cells[cell] = to;
    return true;
  }
}

/** Bells that are looked at, and wake nobody. */
export class SteppedBells implements Bells {
  readonly #stage: Stage;
  readonly #cells: Int32Array;
  #index = 0;

  constructor(stage: Stage, buffer: SharedArrayBuffer) {
    this.#stage = stage;
    this.#cells = new Int32Array(buffer);
  }

  ring(index: number): void {
    this.#stage.pause();
    this.#cells[index]! += 1;
  }

  listen(index: number): void {
    this.#index = index;
    this.#stage.setHeard(this.#cells[index]!);
  }

  /** Whether it was rung since this was last asked. */
  get isRung(): boolean {
    const rung = this.#cells[this.#index]!;
    const isRung = rung !== this.#stage.heard(this.#index);
    this.#stage.setHeard(rung);
    return isRung;
  }

  /** Whether another's bell was rung since it looked. */
  isRungFor(index: number): boolean {
    return this.#cells[index]! !== this.#stage.heard(index);
  }

  close(): void {}
}

interface DueTimer {
  readonly atMs: number;
  readonly run: () => void;
}

/** The time of the stage. Timers go off when their actor is told to look; what comes back for good (`every`) does not come. */
export class SteppedClock implements Clock {
  readonly #stage: Stage;
  #timers: readonly DueTimer[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  now(): number {
    return this.#stage.nowMs;
  }

  wall(): number {
    return this.#stage.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.now() + delayMs, run };
    this.#keep([...this.#timers, timer]);
    return { cancel: () => this.#keep(this.#timers.filter((one) => one !== timer)) };
  }

  every(): Timer {
    return { cancel() {} };
  }

  /** Runs what is due. @returns whether there was anything */
  runDue(): boolean {
    const due = this.#timers.filter(({ atMs }) => atMs <= this.now());
    this.#keep(this.#timers.filter((one) => !due.includes(one)));
    for (const { run } of due) run();
    return due.length > 0;
  }

  /** Its actor has ended. */
  forget(): void {
    this.#keep([]);
  }

  #keep(timers: readonly DueTimer[]): void {
    this.#timers = timers;
    this.#stage.setDueAtMs(timers.length === 0 ? null : Math.min(...timers.map(({ atMs }) => atMs)));
  }
}
