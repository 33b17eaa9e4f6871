// A pool as a front thread has it: its queue, the lanes that it holds, and the talk with the pool's own thread.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Queue } from '../queue/queue.ts';
import { SharedBooks } from '../queue/shared-books.ts';
import { DistantWorker, type WorkerFacts } from '../worker/distant-worker.ts';
import type { LaneEvents, LaneHandle } from '../worker/lane-handle.ts';
import type { Program } from '../worker/program.ts';
import { LaneHolder } from './lane-holder.ts';
import { type LaneSource, lookMs } from './lane-owner.ts';
import { type CellsMaker, stateOf, tagOf } from './lane-word.ts';
import type { FromThread, GenerationFacts, PoolPort, PoolShared, ToThread } from './lease-messages.ts';
import { LaneBoard } from './scoreboard.ts';
import { DistantOwner } from './thread-owner.ts';
import { type Bells, type BellsMaker, SharedBells, WaitingBoard } from './waiting-board.ts';

/** What a pool is opened with in a front thread. */
export interface PoolThreadOptions {
  /** `Pool.shared`, as it came over. */
  readonly shared: PoolShared;
  /** The index that the pool knows this thread by: from 1; 0 is the pool's own thread. */
  readonly index: number;
  /** The other end of the port that `Pool.openThread` was given. */
  readonly port: PoolPort;
  /** Has to agree with that of the pool, as those of the threads of one process do. @default systemClock */
  readonly clock?: Clock;
  /** @default silentLog */
  readonly log?: Log;
  /** How shared memory is read and written; for tests. */
  readonly cells?: CellsMaker;
  /** How threads wake each other; for tests. */
  readonly bells?: BellsMaker;
  /** Makes what makes lanes; for tests. @default workers of `worker/distant-worker.ts` */
  readonly meet?: (program: Program, facts: WorkerFacts) => DistantHandle;
}

/** A worker of the pool, in another thread; a test may bring its own. */
export interface DistantHandle extends Pick<DistantWorker, 'exited' | 'forget'> {
  addLane(events: LaneEvents): LaneHandle;
}

/** A pool in a front thread. */
export interface PoolThread {
  readonly queue: Queue<LaneHandle>;
  /** Takes no more requests, finishes those it has, gives its lanes back. Repeatable. @param deadlineMs how long requests may go on */
  close(deadlineMs: number): Promise<void>;
  /** Ends its requests at once, and gives its lanes back. Repeatable. */
  destroy(): Promise<void>;
}

/** Opens a pool in this thread. It takes requests at once: they wait until the first lane is heard of. */
export function openPoolThread(options: PoolThreadOptions): PoolThread {
  const thread = new OpenPoolThread(options);
  thread.open();
  return thread;
}

export class OpenPoolThread implements PoolThread {
  readonly #options: PoolThreadOptions;
  readonly #clock: Clock;
  readonly #board: LaneBoard;
  readonly #bells: Bells;
  readonly #holder: LaneHolder;
  readonly #owner: DistantOwner;
  readonly #generations = new Map<number, GenerationFacts>();
  readonly #workers = new Map<number, DistantHandle>();
  #timer: Timer | null = null;
  #isLeft = false;

  constructor(options: PoolThreadOptions) {
    const { shared, index, port, clock = systemClock, log = silentLog, cells, bells } = options;
    const { name, limits } = shared;
    this.#options = options;
    this.#clock = clock;
    this.#board = new LaneBoard(cells);
    this.#bells = bells?.(shared.bells) ?? new SharedBells(shared.bells);
    const books = new SharedBooks(shared.books);
    const waiting = new WaitingBoard(shared.waiting, cells);
    const send = (message: FromThread): void => {
      if (!this.#isLeft) port.postMessage(message);
    };
    const ring = (other: number): void => this.#bells.ring(other);
    const isFull = (): boolean => this.#isFull();
    this.#owner = new DistantOwner({ index, waiting, generations: this.#generations, send, ring, clock, isFull });
    this.#holder = new LaneHolder({
      name,
      index,
      limits,
      board: this.#board,
      waiting,
      books: books.of(index),
      running: (other) => books.of(other).counters.get('running'),
      ring,
      owner: this.#owner,
      clock,
      log,
    });
  }

  get queue(): Queue<LaneHandle> {
    return this.#holder.queue;
  }

  /** For tests alone. */
  get board(): LaneBoard {
    return this.#board;
  }

  open(): void {
    const { port, index, shared } = this.#options;
    port.on('message', (message: ToThread) => this.#heard(message));
    port.unref();
    if (shared.isDrained) this.queue.drain(true);
    this.#bells.listen(index, () => this.look());
    this.#timer = this.#clock.every(lookMs, () => this.#holder.describeRequests());
  }

  /** What is done when this thread's bell has been rung. */
  look(): void {
    if (!this.#isLeft) this.#holder.look();
  }

  async close(deadlineMs: number): Promise<void> {
    await this.queue.close(deadlineMs, () => this.#owner.served());
    this.#leave();
  }

  async destroy(): Promise<void> {
    await this.queue.destroy(() => this.#owner.served());
    this.#leave();
  }

  #isFull(): boolean {
    let lanes = 0;
    for (const { word } of this.#board.rows) if (stateOf(word) !== 'gone') lanes += 1;
    return lanes >= this.queue.limits.seats;
  }

  #leave(): void {
    if (this.#isLeft) return;
    this.#holder.giveAll();
    this.#owner.left();
    this.#isLeft = true;
    this.#timer?.cancel();
    this.#bells.close();
    this.#options.port.close();
  }

  #heard(message: ToThread): void {
    const { queue } = this;
    switch (message.type) {
      case 'block':
        if (message.index === this.#board.blocks.length) this.#board.addBlock(message.block);
        return;
      case 'generation':
        this.#generations.set(message.number, message);
        return;
      case 'worker':
        this.#meet(message);
        return;
      case 'exited':
        this.#workers.get(message.worker)?.exited(message.exit);
        return;
      case 'gone':
        this.#workers.delete(message.worker);
        this.#holder.forget(message.worker);
        return;
      case 'forget':
        this.#workers.get(message.worker)?.forget(message.pid);
        return;
      case 'met': {
        const row = this.#board.rows[message.slot]!;
        if (tagOf(row.word) === message.tag) this.#owner.met(row, message.pid, message);
        return;
      }
      case 'break': {
        const row = this.#board.rows[message.slot]!;
        if (tagOf(row.word) === message.tag) this.#holder.breakLane(row);
        return;
      }
      case 'refuse': {
        const { retryAfterS } = message;
        queue.refuseWaiting(
          new PosternError('POOL_RESTING', message.message, { fields: { retryAfterS }, isTold: true }),
        );
        return;
      }
      case 'limits':
        queue.use(message.limits);
        return;
      case 'drain':
        queue.drain(message.isDrained);
        return;
      case 'end-request':
        queue.endRequest(message.number);
        return;
      case 'close':
        void this.close(message.deadlineMs);
        return;
      case 'destroy':
        void this.destroy();
        return;
    }
  }

  /** A lane of it may be free already, or kept for us. */
  #meet(facts: WorkerFacts): void {
    const generation = this.#generations.get(facts.generation);
    if (generation === undefined) return;
    const { program, limits } = generation;
    const { meet = (...given) => new DistantWorker(...given, this.#clock) } = this.#options;
    const worker = meet(program, facts);
    this.#workers.set(facts.id, worker);
    const { pid, startedAtMs } = facts;
    const { preforks } = program;
    const addLane = (events: LaneEvents): LaneHandle => worker.addLane(events);
    const source: LaneSource = { pid, startedAtMs, preforks, limits, addLane };
    this.#holder.know(facts.id, source);
    this.look();
  }
}
