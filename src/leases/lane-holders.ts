// Who holds the lanes of a pool, as its own thread sees them: the holder of that thread, and a link to each front thread.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { DurationsSnapshot, QueueCounters } from '../queue/queue-books.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import { SharedBooks, threadOfNumber } from '../queue/shared-books.ts';
import type { Exit } from '../worker/exit.ts';
import type { WorkerHandle } from '../worker/worker.ts';
import { LaneHolder } from './lane-holder.ts';
import type { HolderOwner } from './lane-owner.ts';
import type { LaneRow } from './lane-row.ts';
import { type CellsMaker, heldBy, holderOf, keptFor, nobody, stateOf, tagOf, takerOf } from './lane-word.ts';
import type { GenerationFacts, PoolPort, PoolShared, ToThread } from './lease-messages.ts';
import type { Scoreboard } from './scoreboard.ts';
import { type PoolListener, ThreadLink } from './thread-link.ts';
import { poolThread } from './thread-owner.ts';
import {
  type Bells,
  type BellsMaker,
  cellsPerLine,
  newWaitingMemory,
  SharedBells,
  WaitingBoard,
} from './waiting-board.ts';

/** What they are made from. */
export interface LaneHoldersOptions {
  readonly name: string;
  readonly board: Scoreboard;
  readonly limits: QueueLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Told by the holder of this thread. */
  readonly owner: HolderOwner;
  /** Told by front threads. */
  readonly listener: PoolListener;
  /** Something of what front threads have written into shared memory has changed. */
  readonly onLook: () => void;
  readonly cells: CellsMaker | undefined;
  readonly bells: BellsMaker | undefined;
  /** How many threads may ever have lanes, this one included: each costs a kilobyte in every pool. */
  readonly threads: number;
}

/** What is known here of a worker. */
interface LeasedWorker {
  readonly id: number;
  readonly startedAtMs: number;
  readonly generation: GenerationFacts;
  readonly lanes: Iterable<{ readonly slot: number }>;
}

export class LaneHolders {
  readonly local: LaneHolder;
  readonly #options: LaneHoldersOptions;
  readonly #memory: Pick<PoolShared, 'waiting' | 'bells' | 'books'>;
  readonly #waiting: WaitingBoard;
  readonly #books: SharedBooks;
  readonly #links = new Map<number, ThreadLink>();
  /** Made for the first front thread. */
  #bells: Bells | null = null;
  #limits: QueueLimits;
  /** Records of workers that threads may use. */
  readonly #ready = new Map<number, { readonly record: LeasedWorker; readonly worker: WorkerHandle }>();
  /** How many requests each thread had refused when that was last looked at. */
  readonly #refused: number[] = [];

  constructor(options: LaneHoldersOptions) {
    const { name, board, limits, clock, log, owner, cells, threads } = options;
    this.#options = options;
    this.#limits = limits;
    this.#memory = {
      waiting: newWaitingMemory(threads),
      bells: new SharedArrayBuffer(threads * cellsPerLine * 4),
      books: SharedBooks.memoryFor(threads),
    };
    this.#books = new SharedBooks(this.#memory.books);
    this.#waiting = new WaitingBoard(this.#memory.waiting, cells);
    this.#waiting.threads = 1;
    const ring = (index: number): void => this.#ring(index);
    this.local = new LaneHolder({
      name,
      index: poolThread,
      limits,
      board,
      waiting: this.#waiting,
      books: this.#books.of(poolThread),
      running: (index) => this.#books.of(index).counters.get('running'),
      ring,
      owner,
      clock,
      log,
    });
    board.onBlock = (block, index) => this.#send({ type: 'block', index, block });
  }

  /** What a front thread needs besides its port. */
  get shared(): PoolShared {
    const isDrained = this.local.queue.phase === 'drained';
    return { name: this.#options.name, ...this.#memory, limits: this.#limits, isDrained };
  }

  /** Requests that wait in all threads. */
  get waiting(): number {
    return this.#waiting.total();
  }

  /** The counters of all threads, those that have ended included. */
  get counters(): QueueCounters {
    return this.#books.counters(this.#waiting.threads);
  }

  /** How long requests waited and ran in all threads. */
  get durations(): DurationsSnapshot {
    return this.#books.durations(this.#waiting.threads);
  }

  /** Requests that front threads have refused for want of a lane since this was last asked. */
  takeRefused(): number {
    let refused = 0;
    for (const index of this.#links.keys()) {
      const count = this.#waiting.refused(index);
      refused += (count - (this.#refused[index] ?? 0)) | 0;
      this.#refused[index] = count;
    }
    return refused;
  }

  /** A front thread may use lanes from now on. */
  open(index: number, port: PoolPort): void {
    const { board, bells, listener } = this.#options;
    if (!(index > poolThread && index < this.#options.threads)) throw new RangeError(`there is no thread ${index}`);
    if (this.#links.has(index)) throw new Error(`thread ${index} is open already`);
    if (this.#bells === null) {
      // Nobody else may have a connection to a lane that is nobody's.
      this.local.giveAll();
      this.#bells = bells?.(this.#memory.bells) ?? new SharedBells(this.#memory.bells);
      this.#bells.listen(poolThread, () => this.#look());
    }
    const link = new ThreadLink(index, port, listener);
    this.#refused[index] = this.#waiting.refused(index);
    this.#waiting.note(index, 0, 0);
    if (index >= this.#waiting.threads) this.#waiting.threads = index + 1;
    this.#links.set(index, link);
    for (const [at, block] of board.blocks.entries()) link.send({ type: 'block', index: at, block });
    for (const { record, worker } of this.#ready.values()) {
      link.send(generationFacts(record.generation));
      link.send(workerFacts(record, worker));
    }
  }

  /** Asks a front thread to leave. */
  close(index: number, deadlineMs: number): void {
    this.#links.get(index)?.send({ type: 'close', deadlineMs });
  }

  /** All of them. */
  closeAll(deadlineMs: number | null): void {
    this.#send(deadlineMs === null ? { type: 'destroy' } : { type: 'close', deadlineMs });
  }

  /** Whether any front thread may have requests. */
  get isServed(): boolean {
    return [...this.#links.values()].every(({ isServed }) => isServed);
  }

  /**
   * A front thread has ended, or has left: what it held is nobody's, what was kept for it others may have, and what it counted stays counted.
   * @param hasEnded one that has left goes on counting, since it refuses what comes
   * @returns lanes on which it ran a request
   */
  forget(index: number, hasEnded: boolean): LaneRow[] {
    const link = this.#links.get(index);
    if (link === undefined) return [];
    link.close();
    this.#links.delete(index);
    // First: nobody is to keep another lane for it.
    this.#waiting.note(index, 0, 0);
    if (hasEnded) this.#books.of(index).counters.abandon();
    const left: LaneRow[] = [];
    for (const row of this.#options.board.rows) if (this.#takeFrom(row, index)) left.push(row);
    this.freed();
    // It may have ended between what it did and the ring for it.
    for (const other of this.#links.keys()) this.#ring(other);
    return left;
  }

  /**
   * The event loop of a front thread does not turn: nobody keeps a lane for what waits in it, until it says once more that it waits.
   * @returns how many wait in others
   */
  passOver(index: number): number {
    this.#waiting.passOver(index, this.#options.board.rows);
    this.freed();
    for (const other of this.#links.keys()) this.#ring(other);
    return this.#waiting.total() - this.#waiting.allWaiting(index);
  }

  /** A link to a thread; undefined: it has none any more. */
  link(index: number): ThreadLink | undefined {
    return this.#links.get(index);
  }

  /** Lanes are free: brings them and those that wait together. */
  freed(): void {
    this.local.match();
  }

  /** No worker can be started soon. */
  refuse(error: PosternError, retryAfterS: number): void {
    this.local.queue.refuseWaiting(error);
    this.#send({ type: 'refuse', message: error.message, retryAfterS });
  }

  /** Other limits hold. */
  use(limits: QueueLimits): void {
    this.#limits = limits;
    this.local.queue.use(limits);
    this.#send({ type: 'limits', limits });
  }

  /** An operator has the pool take no requests, or take them again. */
  drain(isDrained: boolean): void {
    this.local.queue.drain(isDrained);
    this.#send({ type: 'drain', isDrained });
  }

  /** An operator ends a request. @returns false: it does not run any more */
  endRequest(number: number): boolean {
    const link = this.#links.get(threadOfNumber(number));
    if (link === undefined) return this.local.queue.endRequest(number);
    const isRunning = this.#options.board.rows.some(
      (row) => row.request === number && (row.state === 'busy' || row.state === 'draining'),
    );
    if (isRunning) link.send({ type: 'end-request', number });
    return isRunning;
  }

  /** Its lanes are made in this thread: the first is that which asks whether it is ready. */
  workerMade(record: LeasedWorker, worker: WorkerHandle): void {
    const { program, limits } = record.generation;
    const { startedAtMs } = record;
    this.local.know(record.id, {
      get pid() {
        return worker.pid;
      },
      startedAtMs,
      preforks: program.preforks,
      limits,
      addLane: (events) => worker.addLane(events),
    });
    for (const { slot } of record.lanes) this.openLane(slot);
  }

  /** Its lanes are about to be free: with front threads they are nobody's, and no connection is left from here. */
  workerReady(record: LeasedWorker, worker: WorkerHandle): void {
    this.#ready.set(record.id, { record, worker });
    if (this.#links.size === 0) return;
    for (const { slot } of record.lanes) this.local.disconnect(this.#row(slot));
    this.#send(generationFacts(record.generation));
    this.#send(workerFacts(record, worker));
  }

  workerExited(id: number, exit: Exit | null): void {
    // With which request it did is to be told.
    this.local.describeRequests();
    this.#send({ type: 'exited', worker: id, exit: exit ?? { code: null, signal: null } });
  }

  workerGone(id: number): void {
    this.#ready.delete(id);
    this.local.forget(id);
    this.#send({ type: 'gone', worker: id });
  }

  forgetProcess(worker: number, pid: number): void {
    this.#send({ type: 'forget', worker, pid });
  }

  openLane(slot: number): void {
    const row = this.#row(slot);
    if (row.state !== 'gone') this.local.laneOn(row);
  }

  /** Whoever has a connection to a lane that runs nothing closes it; whoever waits for it looks for another. */
  closeLane(slot: number): void {
    this.local.closeLane(this.#row(slot));
    for (const index of this.#links.keys()) this.#ring(index);
  }

  /** See LaneBreaker. */
  breakLane(row: LaneRow): void {
    const { slot, word } = row;
    const link = this.#links.get(holderOf(word));
    if (link === undefined) this.local.breakLane(row);
    else link.send({ type: 'break', slot, tag: tagOf(word) });
  }

  /** See LaneBreaker. Front threads describe theirs themselves. */
  describeRequests(): void {
    this.local.describeRequests();
  }

  /** Repeatable. */
  end(): void {
    for (const link of this.#links.values()) link.close();
    this.#bells?.close();
  }

  /** What is done when the bell of the pool's thread has been rung. */
  look(): void {
    this.#look();
  }

  #look(): void {
    this.local.look();
    this.#options.onLook();
  }

  #ring(index: number): void {
    if (index === poolThread) this.local.look();
    else this.#bells?.ring(index);
  }

  #send(message: ToThread): void {
    for (const link of this.#links.values()) link.send(message);
  }

  #row(slot: number): LaneRow {
    return this.#options.board.row(slot);
  }

  /** @returns whether it runs a request on the lane */
  #takeFrom(row: LaneRow, index: number): boolean {
    for (;;) {
      const { word } = row;
      const state = stateOf(word);
      if (holderOf(word) === index && (state === 'busy' || state === 'draining')) return true;
      let next = word;
      if (holderOf(word) === index) next = heldBy(next, nobody);
      if (takerOf(word) === index) next = keptFor(next, nobody);
      if (next === word) return false;
      if (!row.swap(word, next)) continue;
      if (takerOf(next) > poolThread) this.#ring(takerOf(next));
      return false;
    }
  }
}

function generationFacts({ number, program, limits }: GenerationFacts): ToThread {
  return { type: 'generation', number, program, limits };
}

function workerFacts({ id, startedAtMs, generation }: LeasedWorker, { pid, socketPath }: WorkerHandle): ToThread {
  return { type: 'worker', id, pid, socketPath, startedAtMs, generation: generation.number };
}
