// The lease protocol as it is, run by three front threads and the pool in any order of their accesses to shared memory: what a seed draws, and what must hold.

import assert from 'node:assert/strict';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { holderOf, nobody, stateOf, tagOf, takerOf } from '../../src/leases/lane-word.ts';
import type { PoolPort } from '../../src/leases/lease-messages.ts';
import { laterBy, lingerMs, overtakeMs } from '../../src/leases/leases.ts';
import { mostPauseMs } from '../../src/leases/second-look.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';
import { Pool } from '../../src/pool/pool.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeWorkers } from '../support/fake-worker.ts';
import { verify } from '../support/pool-invariants.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { freeWhileWaited, lanesOf } from './lease-check.ts';
import { fronts, type LeaseOpening, orders, type Parcel } from './lease-words.ts';
import { newStage, Stage, SteppedBells } from './lock-step.ts';
import { Random } from './random.ts';

const program = new URL('lease-actor.ts', import.meta.url);
const killed = { code: null, signal: 'SIGKILL' } as const;

/**
 * Of so many accesses one changes the turn: often, and so seldom that one thread does several things while another stands between two accesses.
 */
const switchesIn = [3, 10, 30, 100];

/** The threads, which stay for many plays. */
export class LeaseTheatre {
  readonly stageBuffer = newStage();
  readonly stage = new Stage(this.stageBuffer, 0);
  readonly ports: MessagePort[] = [];
  readonly #threads: Worker[] = [];
  #openings = 0;

  constructor() {
    for (const index of fronts) {
      const { port1, port2 } = new MessageChannel();
      this.ports[index] = port1;
      const workerData = { index, stageBuffer: this.stageBuffer, port: port2 };
      this.#threads.push(new Worker(program, { workerData, transferList: [port2] }));
    }
  }

  nextOpening(): number {
    this.#openings += 1;
    return this.#openings;
  }

  /** One play. @returns how many accesses to shared memory it had, and how many requests */
  async play(seed: number): Promise<{ readonly steps: number; readonly requests: number }> {
    const play = new LeasePlay(this, seed);
    await play.run();
    return { steps: this.stage.steps, requests: play.requests };
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

class LeasePlay {
  readonly #theatre: LeaseTheatre;
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #clock = new FakeClock();
  readonly #fakes = new FakeWorkers(this.#clock);
  readonly #pool: Pool;
  readonly #program: ReturnType<typeof plainProgram>;
  readonly #limits: typeof defaultLimits;
  readonly #isKept: boolean;
  readonly #openings: number[] = [];
  readonly #heard: ((message: never) => void)[] = [];
  readonly #waiting: WaitingBoard;
  #bells: SteppedBells | null = null;
  requests = 0;

  constructor(theatre: LeaseTheatre, seed: number) {
    this.#theatre = theatre;
    this.#stage = theatre.stage;
    const random = new Random(Math.imul(seed, 2_654_435_761));
    this.#random = random;
    this.#stage.begin(Math.imul(seed + 1, 40_503), random.pick(switchesIn));
    this.#stage.isFree = false;
    this.#stage.setRunning(0, true);
    const preforks = random.below(2) === 0;
    const workers = 1 + random.below(4);
    this.#program = plainProgram({ preforks, lanesPerWorker: preforks ? workers : 1 });
    this.#limits = {
      ...defaultLimits,
      workers,
      minWorkers: 1 + random.below(workers),
      queue: random.pick([0, 2, 100, 100]),
      maxRequests: random.pick([0, 0, 0, 2]),
      idleTimeoutMs: random.pick([0, 1_000]),
      spawnScoreUpLimit: 1_000,
    };
    this.#isKept = random.below(4) > 0;
    this.#pool = new Pool({
      program: this.#program,
      limits: this.#limits,
      directory: '/nowhere',
      clock: this.#clock,
      makeWorker: this.#fakes.make,
      cells: this.#stage.cells,
      bells: (buffer) => {
        this.#bells = new SteppedBells(this.#stage, buffer);
        return this.#bells;
      },
    });
    this.#waiting = new WaitingBoard(this.#pool.shared.waiting);
  }

  async run(): Promise<void> {
    const stage = this.#stage;
    this.#pool.start().catch(() => {});
    if (this.#random.below(3) > 0) this.#fakes.readyAll();
    for (const index of fronts) this.#open(index);
    stage.isFree = true;
    for (const index of fronts) this.#begin(index);
    for (let left = 4 + this.#random.below(16); left > 0; left -= 1) {
      // Others play meanwhile.
      for (let wait = this.#random.below(40); wait > 0; wait -= 1) stage.pause();
      stage.setActing(0, true);
      await this.#do(this.#random.below(24));
      stage.setActing(0, false);
    }
    while (fronts.some((index) => stage.isRunning(index))) stage.yield();
    stage.isFree = false;
    this.#settle(false);
    this.#verifyThreads();
    this.#settle();
    this.#verify();
    this.#serveAll();
  }

  async #do(what: number): Promise<void> {
    const { living } = this.#fakes;
    this.#passTime(0);
    switch (what) {
      case 0:
      case 1:
        this.#fakes.readyAll();
        return;
      case 2:
        this.#passTime(1_000);
        return;
      case 3:
        living[this.#random.below(Math.max(1, living.length))]?.end(killed, this.#random.below(2) === 0);
        return;
      case 4:
        this.#obey();
        return;
      case 5:
      case 8:
        this.#pool.reload(this.#program, this.#limits).catch(() => {});
        await Promise.resolve();
        await Promise.resolve();
        return;
      case 6:
      case 7:
        this.#kill(this.#random.pick(fronts));
        return;
      case 9:
        // It does turn, and says again that it waits.
        this.#pool.threadStalls(this.#random.pick(fronts));
        return;
      default:
        // Whatever the pool does when its bell rings, threads find lanes by themselves.
        this.#hear(this.#random.below(6) === 0);
    }
  }

  /** A thread dies at whatever it was doing; another takes its place. */
  #kill(index: number): void {
    const stage = this.#stage;
    stage.doom(index);
    stage.pass(index);
    stage.await();
    this.#openings[index] = -1;
    this.#pool.threadDied(index);
    stage.setActing(index, false);
    if (this.#random.below(3) === 0) return;
    stage.isFree = false;
    this.#open(index);
    stage.isFree = true;
    this.#begin(index);
  }

  #open(index: number): void {
    const opening = this.#theatre.nextOpening();
    this.#openings[index] = opening;
    const port = this.#theatre.ports[index]!;
    const begin: LeaseOpening = {
      shared: this.#pool.shared,
      opening,
      seed: this.#random.below(2 ** 31),
      steps: 3 + this.#random.below(8),
      isKept: this.#isKept,
    };
    this.#stage.forgetMessages(index);
    port.postMessage({ opening, begin } satisfies Parcel);
    this.#pool.openThread(index, {
      postMessage: (message: unknown) => {
        this.#stage.countMessage(index, 1);
        port.postMessage({ opening, message } satisfies Parcel);
      },
      on: (_event: string, heard: (message: never) => void) => {
        this.#heard[index] = heard;
      },
      close() {},
      unref() {},
    } as unknown as PoolPort);
    this.#tell(index, orders.open);
    this.#tell(index, orders.settle);
  }

  /** It plays from now on, whenever it has the turn. */
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

  get #living(): number[] {
    return fronts.filter((index) => this.#openings[index]! > 0);
  }

  /** The pool hears what was said. @returns whether there was anything */
  #hear(hearsBell = true): boolean {
    let hasHeard = hearsBell && (this.#bells?.isRung ?? false);
    if (hasHeard) this.#pool.look();
    for (const index of fronts) {
      for (;;) {
        const received = receiveMessageOnPort(this.#theatre.ports[index]!);
        if (received === undefined) break;
        const parcel = received.message as Parcel;
        if (parcel.error !== undefined) throw new Error(`thread ${index}: ${parcel.error}`);
        if (parcel.opening !== this.#openings[index]) continue;
        hasHeard = true;
        this.#heard[index]?.(parcel.message as never);
      }
    }
    return hasHeard;
  }

  #check(): void {
    if (!this.#stage.hasFailed) return;
    for (const index of fronts) {
      const received = receiveMessageOnPort(this.#theatre.ports[index]!);
      const parcel = received?.message as Parcel | undefined;
      if (parcel?.error !== undefined) throw new Error(`thread ${index}: ${parcel.error}`);
    }
  }

  #passTime(ms: number): void {
    this.#stage.advance(ms);
    this.#clock.advance(Math.max(0, this.#stage.nowMs - this.#clock.now()));
  }

  #obey(): void {
    for (const worker of this.#fakes.workers) {
      if (worker.asked.includes('SIGTERM') || worker.asked.includes('SIGKILL')) worker.end({ code: 0, signal: null });
    }
  }

  #hasToHear(index: number): boolean {
    return this.#stage.unheard(index) > 0 || this.#stage.isDue(index) || (this.#bells?.isRungFor(index) ?? true);
  }

  /** All that was said is heard, who waits has looked again, and workers do what they are asked: nothing is under way any more. */
  #settle(hearsBell = true): void {
    let looks = 0;
    for (let rounds = 0; ; rounds += 1) {
      assert.ok(rounds < 200, 'it comes to rest');
      let isMoving = this.#hear(hearsBell);
      this.#obey();
      if (this.#fakes.starting.length > 0) isMoving = true;
      this.#fakes.readyAll();
      for (const index of this.#living) {
        if (!this.#hasToHear(index)) continue;
        if (this.#tell(index, orders.settle) === 1) isMoving = true;
      }
      const isEnding = this.#pool.state.lanes.some((lane) => lane !== null && lane.killAtMs !== null);
      if (isEnding) this.#passTime(20);
      if (isMoving || isEnding) continue;
      const isLookedAt = looks > mostPauseMs + lingerMs && !this.#isPassedOver;
      if (isLookedAt || this.#pool.state.waiting === 0) return;
      looks += lingerMs;
      this.#passTime(lingerMs);
    }
  }

  /** What holds though the pool has not looked after those that wait: threads need it for new lanes alone. */
  #verifyThreads(): void {
    const rows = lanesOf(this.#pool.state.board.blocks);
    const wrong = freeWhileWaited({ rows, waiting: this.#waiting, fronts, stage: this.#stage });
    assert.equal(wrong, null, 'safety, by the threads alone');
  }

  /** While nobody does anything. */
  #verify(): void {
    const { state } = this.#pool;
    try {
      verify(state, this.#pool.snapshot().counters);
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${this.#shown()}`);
    }
    for (const row of state.board.rows) {
      const { word, slot } = row;
      if (stateOf(word) !== 'idle') continue;
      assert.equal(takerOf(word), nobody, `lane ${slot} is kept for somebody who does not take it`);
      const connection = this.#stage.connection(slot, tagOf(word)) - 1;
      assert.equal(connection, holderOf(word), `lane ${slot} is held by its holder, who has the connection`);
    }
  }

  /** What stands on the board, for who reads of a failure. */
  #shown(): string {
    const lanes = this.#pool.state.board.rows
      .map(({ word, slot }) => ({ slot, state: stateOf(word), holder: holderOf(word), taker: takerOf(word) }))
      .filter(({ state }) => state !== 'gone')
      .map(({ slot, state, holder, taker }) => `lane ${slot} ${state} of ${holder} for ${taker}`);
    const waiting = this.#waitingNow().map((one) => `${one.waiting} wait in ${one.index}`);
    return [...lanes, ...waiting].join(', ');
  }

  /** Every request comes to its end, and of those that wait the oldest is served first. */
  #serveAll(): void {
    for (let rounds = 0; this.#isBusy; rounds += 1) {
      assert.ok(rounds < 300, `${this.#pool.state.waiting} requests wait for ever`);
      let hasAnswered = false;
      for (const index of this.#living) {
        const before = this.#waitingNow();
        if (this.#tell(index, orders.answerOne) === 0) continue;
        hasAnswered = true;
        this.#settle();
        this.#verify();
        this.#verifyOrder(before);
      }
      if (!hasAnswered) this.#passTime(1_000);
      this.#settle();
    }
    for (const index of this.#living) {
      const count = this.#tell(index, orders.count);
      assert.equal(Math.floor(count / 1_000), 0, 'every request of a thread that lives is over');
    }
    const { accepted, finished, refused, aborted } = this.#pool.snapshot().counters;
    assert.equal(finished + refused + aborted, accepted);
    this.requests += accepted;
  }

  get #isBusy(): boolean {
    const { counters } = this.#pool.snapshot();
    return counters.waiting + counters.running > 0;
  }

  /** Whether a thread in which requests wait is given no lanes: it has not looked again yet. */
  get #isPassedOver(): boolean {
    return fronts.some((index) => this.#waiting.waiting(index) < this.#waiting.allWaiting(index));
  }

  #waitingNow(): Waiting[] {
    return fronts.map((index) => ({
      index,
      waiting: this.#waiting.waiting(index),
      oldestMs: this.#waiting.oldestMs(index),
    }));
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
