// A front thread of the lease model: the real one, with lanes that are answered by hand, which does what its seed says when it has the turn.

import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { PoolPort } from '../../src/leases/lease-messages.ts';
import { OpenPoolThread } from '../../src/leases/pool-thread.ts';
import { WaitingBoard } from '../../src/leases/waiting-board.ts';
import type { Attempt } from '../../src/queue/attempt.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { freeWhileWaited, lanesOf } from './lease-check.ts';
import { LeaseLane } from './lease-lane.ts';
import { fronts, type LeaseOpening, orders, type Parcel } from './lease-words.ts';
import { Death, Stage, SteppedBells, SteppedClock } from './lock-step.ts';
import { Random } from './random.ts';

const { index, stageBuffer, port } = workerData as { index: number; stageBuffer: SharedArrayBuffer; port: MessagePort };
const stage = new Stage(stageBuffer, index);
const clock = new SteppedClock(stage);

class Play {
  readonly #opening: LeaseOpening;
  readonly #random: Random;
  readonly #lanes = new Set<LeaseLane>();
  readonly #bells: SteppedBells;
  readonly #thread: OpenPoolThread;
  readonly #asked: { readonly attempt: Attempt; readonly sink: RecordingSink }[] = [];
  #heard: ((message: never) => void) | null = null;

  constructor(opening: LeaseOpening) {
    const { shared, seed, isKept } = opening;
    this.#opening = opening;
    this.#random = new Random(seed);
    this.#bells = new SteppedBells(stage, shared.bells);
    this.#thread = new OpenPoolThread({
      shared,
      index,
      port: this.#port(),
      clock,
      cells: stage.cells,
      bells: () => this.#bells,
      meet: (program, facts) => ({
        addLane: (events) =>
          new LeaseLane({
            stage,
            events,
            word: (slot) => this.#thread.board.rows[slot]!.word,
            pid: () => (program.preforks ? stage.nextPid() : facts.pid),
            isKept,
            lanes: this.#lanes,
          }),
        exited() {},
        forget() {},
      }),
    });
    this.#thread.open();
  }

  /** How many of its requests are not over, and how many there are. */
  get open(): number {
    return this.#asked.filter(({ attempt }) => attempt.state !== 'over').length;
  }

  get asked(): number {
    return this.#asked.length;
  }

  /** Does what its seed says. */
  play(): void {
    for (let left = this.#opening.steps; left > 0; left -= 1) {
      stage.setActing(index, true);
      const what = this.#random.below(12);
      this.#do(what);
      stage.setActing(index, false);
      this.#check();
    }
  }

  #check(): void {
    const isTold = (front: number): boolean =>
      this.#bells.isRungFor(front) || stage.unheard(front) > 0 || stage.isDue(front);
    if (!stage.isQuiet || fronts.some(isTold)) return;
    const waiting = new WaitingBoard(this.#opening.shared.waiting);
    const wrong = freeWhileWaited({ rows: lanesOf(this.#thread.board.blocks), waiting, fronts, stage });
    if (wrong !== null) throw new Error(`safety: ${wrong}`);
  }

  /** Hears all that was said. @returns whether there was anything */
  settle(): boolean {
    let hasHeard = false;
    while (this.#hear()) hasHeard = true;
    return hasHeard;
  }

  /** Answers the request that has run longest. @returns whether one runs */
  answerOne(): boolean {
    const lane = [...this.#lanes].find(({ user }) => user !== null);
    lane?.answer();
    return lane !== undefined;
  }

  /** Its thread was ended. */
  end(): void {
    stage.closeAll(index + 1);
    clock.forget();
  }

  hear(parcel: Parcel): void {
    if (parcel.opening === this.#opening.opening) this.#heard?.(parcel.message as never);
  }

  #do(what: number): void {
    const running = [...this.#lanes].filter(({ user }) => user !== null);
    const lane = running[this.#random.below(Math.max(1, running.length))];
    stage.advance(this.#random.pick([0, 0, 1, 2, 7]));
    switch (what) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const sink = new RecordingSink();
        this.#asked.push({ sink, attempt: this.#thread.queue.run(cgiRequest({ idempotent: what < 2 }), sink) });
        return;
      }
      case 4:
      case 5:
      case 6:
        lane?.answer();
        return;
      case 7:
        lane?.die();
        return;
      case 8:
        [...this.#lanes].find(({ isConnected, user }) => isConnected && user === null)?.lose();
        return;
      case 9:
        this.#asked[this.#random.below(Math.max(1, this.#asked.length))]?.attempt.abort();
        return;
      default:
        this.#hear();
    }
  }

  #hear(): boolean {
    const isRung = this.#bells.isRung;
    if (isRung) this.#thread.look();
    const isDue = clock.runDue();
    const received = receiveMessageOnPort(port);
    if (received !== undefined) {
      stage.countMessage(index, -1);
      this.hear(received.message as Parcel);
    }
    return isRung || isDue || received !== undefined;
  }

  #port(): PoolPort {
    const { opening } = this.#opening;
    return {
      postMessage: (message: unknown) => port.postMessage({ opening, message } satisfies Parcel),
      on: (_event: string, heard: (message: never) => void) => {
        this.#heard = heard;
      },
      close() {},
      unref() {},
    } as unknown as PoolPort;
  }
}

let play = null as Play | null;

function obey(order: number): number {
  switch (order) {
    case orders.open: {
      play?.end();
      for (;;) {
        const parcel = receiveMessageOnPort(port)!.message as Parcel;
        if (parcel.begin === undefined) continue;
        play = new Play(parcel.begin);
        return 0;
      }
    }
    case orders.play:
      play!.play();
      return 0;
    case orders.settle:
      return play!.settle() ? 1 : 0;
    case orders.answerOne:
      return play!.answerOne() ? 1 : 0;
    case orders.count:
      return play!.open * 1_000 + play!.asked;
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
      play?.end();
      play = null;
      stage.revive();
    } else {
      stage.fail();
      port.postMessage({ opening: -1, error: (error as Error).stack ?? String(error) } satisfies Parcel);
    }
  }
  stage.setRunning(index, false);
  stage.pass(0);
}
