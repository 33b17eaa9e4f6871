// The permits of a pool without lanes, run by three front threads and the pool in any order of their accesses to shared memory: what a seed draws, and
// what must hold.

import assert from 'node:assert/strict';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { holderOf, isFree, nobody, stateOf, takerOf } from '../../src/leases/lane-word.ts';
import { laterBy, lingerMs, overtakeMs } from '../../src/leases/leases.ts';
import { PermitBoard } from '../../src/leases/permit-board.ts';
import { PermitPool, type PermitPort } from '../../src/leases/permit-pool.ts';
import { mostPauseMs } from '../../src/leases/second-look.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';
import { SharedBooks } from '../../src/queue/shared-books.ts';
import { fronts, orders } from './lease-words.ts';
import { newStage, Stage, SteppedBells, SteppedClock } from './lock-step.ts';
import { type PermitOpening, type PermitParcel, Tally } from './permit-words.ts';
import { Random } from './random.ts';

const program = new URL('permit-actor.ts', import.meta.url);
const switchesIn = [3, 10, 30, 100];

/** The threads, which stay for many plays. */
export class PermitTheatre {
  readonly stageBuffer = newStage();
  readonly stage = new Stage(this.stageBuffer, 0);
  readonly ports: MessagePort[] = [];
  readonly #threads: Worker[] = [];

  constructor() {
    for (const index of fronts) {
      const { port1, port2 } = new MessageChannel();
      this.ports[index] = port1;
      const workerData = { index, stageBuffer: this.stageBuffer, port: port2 };
      this.#threads.push(new Worker(program, { workerData, transferList: [port2] }));
    }
  }

  /** One play. @returns how many requests it had */
  play(seed: number): number {
    const play = new PermitPlay(this, seed);
    play.run();
    return play.requests;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
    for (const port of this.ports) port?.close();
  }
}

/** What waits in a thread. */
interface Waiting {
  readonly index: number;
  readonly waiting: number;
  readonly oldestMs: number;
}

const noPort = { on() {}, unref() {}, postMessage() {}, close() {} } as unknown as PermitPort;

class PermitPlay {
  readonly #theatre: PermitTheatre;
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #pool: PermitPool;
  readonly #tally = new Tally();
  readonly #queue: number;
  readonly #isKept: boolean;
  readonly #living = new Set<number>();
  /** Read past the turns. */
  readonly #board: PermitBoard;
  readonly #waiting: WaitingBoard;
  #count: number;
  /** Permits that may have been kept for threads that were passed over. */
  #passedOver = 0;
  #bells: SteppedBells | null = null;
  requests = 0;

  constructor(theatre: PermitTheatre, seed: number) {
    this.#theatre = theatre;
    this.#stage = theatre.stage;
    const random = new Random(Math.imul(seed, 2_654_435_761));
    this.#random = random;
    this.#stage.begin(Math.imul(seed + 1, 40_503), random.pick(switchesIn));
    this.#stage.isFree = false;
    this.#stage.setRunning(0, true);
    this.#count = 1 + random.below(4);
    this.#tally.most = this.#count;
    this.#queue = random.pick([0, 1, 2, 100]);
    this.#isKept = random.below(2) === 0;
    this.#pool = new PermitPool(this.#count, fronts.length, this.#stage.cells, (buffer) => {
      this.#bells = new SteppedBells(this.#stage, buffer);
      return this.#bells;
    });
    const idle = { waiting: 0, waitingSinceMs: null, serve() {} };
    this.#pool.permitsFor({ queue: idle, closeKept() {}, clock: new SteppedClock(this.#stage) });
    this.#board = new PermitBoard(this.#pool.shared.permits);
    this.#waiting = new WaitingBoard(this.#pool.shared.waiting);
  }

  run(): void {
    const stage = this.#stage;
    for (const index of fronts) this.#open(index);
    stage.isFree = true;
    for (const index of fronts) this.#begin(index);
    for (let left = 4 + this.#random.below(12); left > 0; left -= 1) {
      for (let wait = this.#random.below(40); wait > 0; wait -= 1) stage.pause();
      stage.setActing(0, true);
      this.#do(this.#random.below(16));
      stage.setActing(0, false);
      this.#check();
    }
    while (fronts.some((index) => stage.isRunning(index))) stage.yield();
    stage.isFree = false;
    this.#settle();
    this.#verify();
    this.#serveAll();
  }

  #do(what: number): void {
    if (what === 0) this.#kill(this.#random.pick(fronts));
    else if (what === 1) this.#use(1 + this.#random.below(4));
    else if (what < 4 && this.#bells?.isRung) this.#pool.look();
    else if (what === 4) this.#passOver(this.#random.pick(fronts));
    // Besides those that may, there are those for which a permit is on its way, or was, in a thread that is passed over.
    const most = this.#queue + this.#tally.most + this.#passedOver;
    assert.ok(this.#waitingInAll <= most, `${this.#waitingInAll} wait, of ${most}`);
  }

  /** What was kept for it others may have: its requests go on waiting, as those do for which it is kept then. */
  #passOver(index: number): void {
    this.#passedOver += Math.min(this.#waiting.allWaiting(index), this.#tally.most);
    this.#pool.passOver(index);
  }

  /** Another limit: what began within a higher one ends within it. */
  #use(count: number): void {
    this.#tally.most = Math.max(this.#tally.most, count);
    this.#pool.use(count);
    this.#count = count;
  }

  #kill(index: number): void {
    const stage = this.#stage;
    stage.doom(index);
    stage.pass(index);
    stage.await();
    this.#living.delete(index);
    this.#tally.forget(index);
    this.#pool.forget(index);
    stage.setActing(index, false);
    if (this.#random.below(3) === 0) return;
    stage.isFree = false;
    this.#open(index);
    stage.isFree = true;
    this.#begin(index);
  }

  #open(index: number): void {
    const { memory: tally } = this.#tally;
    const begin: PermitOpening = {
      shared: this.#pool.shared,
      tally,
      seed: this.#random.below(2 ** 31),
      steps: 3 + this.#random.below(10),
      queue: this.#queue,
      isKept: this.#isKept,
    };
    this.#theatre.ports[index]!.postMessage({ begin } satisfies PermitParcel);
    this.#pool.open(index, { ...noPort });
    this.#living.add(index);
    this.#tell(index, orders.open);
  }

  #begin(index: number): void {
    this.#stage.setOrder(index, orders.play);
    this.#stage.setRunning(index, true);
  }

  /** Has it do something while nobody else does. */
  #tell(index: number, order: number): number {
    this.#stage.setOrder(index, order);
    this.#stage.pass(index);
    this.#stage.await();
    this.#check();
    return this.#stage.answer(index);
  }

  #check(): void {
    if (!this.#stage.hasFailed) return;
    for (const index of fronts) {
      const parcel = receiveMessageOnPort(this.#theatre.ports[index]!)?.message as PermitParcel | undefined;
      if (parcel?.error !== undefined) throw new Error(`thread ${index}: ${parcel.error}`);
    }
  }

  /** All bells are heard, and who waits has looked again: nothing is under way any more. */
  #settle(): void {
    for (let rounds = 0, looks = 0, isMoving = true; isMoving || looks <= mostPauseMs + lingerMs; rounds += 1) {
      assert.ok(rounds < 200, 'it comes to rest');
      if (!isMoving) {
        if (this.#waitingInAll === 0) return;
        looks += lingerMs;
        this.#stage.advance(lingerMs);
      }
      isMoving = this.#bells?.isRung ?? false;
      if (isMoving) this.#pool.look();
      for (const index of this.#living) if (this.#tell(index, orders.settle) === 1) isMoving = true;
    }
  }

  /** While nobody does anything. */
  #verify(): void {
    const words = this.#board.rows.map(({ word }) => word);
    const shown = words.map((word) => `${stateOf(word)} of ${holderOf(word)} for ${takerOf(word)}`).join(', ');
    const states = (state: string): number => words.filter((word) => stateOf(word) === state).length;
    assert.equal(states('idle') + states('busy'), this.#count, `there are as many as there may be: ${shown}`);
    assert.equal(states('busy') + states('draining'), this.#tally.allRunning, `each runs a request: ${shown}`);
    assert.ok(
      !(words.some(isFree) && this.#waitingInAll > 0),
      `one is free while ${this.#waitingInAll} wait: ${shown}`,
    );
    for (const word of words) if (stateOf(word) === 'idle') assert.equal(takerOf(word), nobody, shown);
    assert.ok(this.#tally.allOpen <= this.#tally.most, 'so many connections');
    const { accepted, waiting, running, finished, refused, aborted } = this.#pool.counters;
    assert.equal(waiting + running + finished + refused + aborted, accepted, 'accounting');
    assert.equal(waiting, this.#waitingInAll);
  }

  /** Every request comes to its end, and of those that wait the oldest is served first. */
  #serveAll(): void {
    for (let rounds = 0; this.#isBusy; rounds += 1) {
      assert.ok(rounds < 300, `${this.#waitingInAll} requests wait for ever`);
      for (const index of this.#living) {
        const before = this.#waitingNow;
        if (this.#tell(index, orders.answerOne) === 0) continue;
        this.#settle();
        this.#verify();
        this.#verifyOrder(before);
      }
    }
    assert.equal(this.#tally.allRunning, 0);
    for (const index of this.#living) assert.equal(this.#tell(index, orders.count), 0);
    this.requests += this.#pool.counters.accepted;
  }

  get #isBusy(): boolean {
    const { waiting, running } = this.#pool.counters;
    return waiting + running > 0;
  }

  get #waitingInAll(): number {
    const books = new SharedBooks(this.#pool.shared.books);
    return fronts.reduce((sum, index) => sum + books.of(index).counters.get('waiting'), 0);
  }

  get #waitingNow(): Waiting[] {
    const waiting = this.#waiting;
    return fronts.map((index) => ({ index, waiting: waiting.waiting(index), oldestMs: waiting.oldestMs(index) }));
  }

  #verifyOrder(before: readonly Waiting[]): void {
    const waiting = before.filter((one) => one.waiting > 0);
    const [first] = waiting.sort((one, other) => laterBy(other.oldestMs, one.oldestMs));
    if (first === undefined) return;
    for (const one of waiting) {
      if (this.#waiting.waiting(one.index) >= one.waiting) continue;
      const byMs = laterBy(first.oldestMs, one.oldestMs);
      const isFair: boolean = byMs <= overtakeMs || this.#waiting.waiting(first.index) < first.waiting;
      assert.ok(isFair, `thread ${one.index} was served before ${first.index}, which waited ${byMs} ms longer`);
    }
  }
}
