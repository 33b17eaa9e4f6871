// A front thread of the model of permits: the real permits and the real queue, with seats that are answered by hand, which does what its seed says.

import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { PermitBoard } from '../../src/leases/permit-board.ts';
import { PermitThread } from '../../src/leases/permit-thread.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';
import type { Attempt } from '../../src/queue/attempt.ts';
import type { Permit, Permits } from '../../src/queue/permits.ts';
import { Queue } from '../../src/queue/queue.ts';
import type { SeatProvider } from '../../src/queue/seat.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeSeat } from '../support/fake-seats.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { freeWhileWaited } from './lease-check.ts';
import { fronts, orders } from './lease-words.ts';
import { Death, Stage, SteppedBells, SteppedClock } from './lock-step.ts';
import { type PermitOpening, type PermitParcel, Tally } from './permit-words.ts';
import { Random } from './random.ts';

const { index, stageBuffer, port } = workerData as { index: number; stageBuffer: SharedArrayBuffer; port: MessagePort };
const stage = new Stage(stageBuffer, index);
const clock = new SteppedClock(stage);

/** Connections to one server, of which one that is kept is in the way of whoever wants another. */
class Seats implements SeatProvider<FakeSeat> {
  readonly words = { seat: 'connection', limit: 'workers' };
  readonly running = new Map<FakeSeat, Permit>();
  readonly #tally: Tally;
  readonly #isKept: boolean;
  permits: Permits | null = null;
  #kept = 0;

  constructor(tally: Tally, isKept: boolean) {
    this.#tally = tally;
    this.#isKept = isKept;
  }

  take(): FakeSeat | null {
    const permit = this.permits!.take();
    if (permit === null) return null;
    this.#tally.run(index, 1);
    if (this.#kept > 0) this.#kept -= 1;
    else this.#tally.open(index, 1);
    const { most, allRunning, allOpen } = this.#tally;
    if (allRunning > most || allOpen > most)
      throw new Error(`${allRunning} requests run on ${allOpen} connections, of ${most}`);
    const seat = new FakeSeat(0);
    this.running.set(seat, permit);
    return seat;
  }

  giveBack(seat: FakeSeat): void {
    const permit = this.running.get(seat)!;
    this.running.delete(seat);
    this.#tally.run(index, -1);
    if (this.#isKept) this.#kept += 1;
    else this.#tally.open(index, -1);
    this.permits!.giveBack(permit, this.#kept > 0);
  }

  closeKept(most: number): void {
    while (this.running.size + this.#kept > most && this.#kept > 0) {
      stage.pause();
      this.#kept -= 1;
      this.#tally.open(index, -1);
    }
  }

  wanted(waiting: number): void {
    this.permits!.wanted(waiting);
  }

  isComing(beyond: number): boolean {
    return this.permits!.isComing(beyond);
  }

  hasOther(): boolean {
    return false;
  }
}

class Play {
  readonly #opening: PermitOpening;
  readonly #random: Random;
  readonly #bells: SteppedBells;
  readonly #thread: PermitThread;
  readonly #seats: Seats;
  readonly #queue: Queue<FakeSeat>;
  readonly #asked: Attempt[] = [];

  constructor(opening: PermitOpening) {
    const { shared, tally, seed, queue, isKept } = opening;
    this.#opening = opening;
    this.#random = new Random(seed);
    this.#bells = new SteppedBells(stage, shared.bells);
    const port = { on() {}, unref() {}, postMessage() {}, close() {} } as unknown as MessagePort;
    this.#thread = new PermitThread({ ...shared, port }, index, stage.cells, () => this.#bells);
    this.#seats = new Seats(new Tally(tally), isKept);
    this.#queue = new Queue({
      ...this.#thread,
      name: 'php',
      provider: this.#seats,
      clock,
      limits: { seats: 1, queue, queueTimeoutMs: 60_000, requestTimeoutMs: 0, readTimeoutMs: 0 },
    });
    this.#seats.permits = this.#thread.permitsFor({
      queue: this.#queue,
      closeKept: (most) => this.#seats.closeKept(most),
      clock,
    });
    this.#thread.open(this.#queue);
  }

  get open(): number {
    return this.#asked.filter(({ state }) => state !== 'over').length;
  }

  play(): void {
    for (let left = this.#opening.steps; left > 0; left -= 1) {
      stage.setActing(index, true);
      this.#do(this.#random.below(10));
      stage.setActing(index, false);
      this.#check();
    }
  }

  /** At a moment at which nobody is in the midst of something, and no bell rings: read past the turns. */
  #check(): void {
    if (!stage.isQuiet || fronts.some((front) => this.#bells.isRungFor(front) || stage.isDue(front))) return;
    const { permits, waiting } = this.#opening.shared;
    const { rows } = new PermitBoard(permits);
    const wrong = freeWhileWaited({ rows, waiting: new WaitingBoard(waiting), fronts, stage });
    if (wrong !== null) throw new Error(`safety: ${wrong}`);
  }

  /** @returns whether there was anything to hear */
  settle(): boolean {
    let hasHeard = false;
    while (this.#hear()) hasHeard = true;
    return hasHeard;
  }

  #hear(): boolean {
    const { isRung } = this.#bells;
    if (isRung) this.#thread.look();
    return clock.runDue() || isRung;
  }

  answerOne(): boolean {
    const [seat] = this.#seats.running.keys();
    seat?.answer();
    return seat !== undefined;
  }

  #do(what: number): void {
    stage.advance(this.#random.pick([0, 0, 1, 2, 7]));
    if (what < 4) this.#asked.push(this.#queue.run(cgiRequest(), new RecordingSink()));
    else if (what < 7) this.answerOne();
    else if (what === 7) this.#asked[this.#random.below(Math.max(1, this.#asked.length))]?.abort();
    else this.#hear();
  }
}

let play = null as Play | null;

function obey(order: number): number {
  switch (order) {
    case orders.open:
      clock.forget();
      play = new Play((receiveMessageOnPort(port)!.message as PermitParcel).begin!);
      return 0;
    case orders.play:
      play!.play();
      return 0;
    case orders.settle:
      return play!.settle() ? 1 : 0;
    case orders.answerOne:
      return play!.answerOne() ? 1 : 0;
    case orders.count:
      return play!.open;
    default:
      return 0;
  }
}

// Its turn comes, it does what it was told, and gives the turn back to whoever leads, or to any that still plays.
for (;;) {
  try {
    stage.await();
    const order = stage.order(index);
    if (order === orders.none) continue;
    stage.setOrder(index, orders.none);
    stage.setAnswer(obey(order));
  } catch (error) {
    if (error instanceof Death) {
      play = null;
      clock.forget();
      stage.revive();
    } else {
      stage.fail();
      port.postMessage({ error: (error as Error).stack ?? String(error) } satisfies PermitParcel);
    }
  }
  stage.setRunning(index, false);
  stage.pass(0);
}
