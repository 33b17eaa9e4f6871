// A pool of managed workers: gives their lanes to the queue, tells `step` what happens to them, and has carried out what it decides.
//
// Invariants, executed by `test/support/pool-invariants.ts` in every test of a pool:
// - Safety: if a request waits in any thread, no lane that could take it is free in any, but for one hand-over.
// - Progress: if a request waits, then a lane is busy or on its way (starting, draining, stopping), or starting is held back until a
//   known time, or the pool is closing. If more is wanted than lives and starts, a wake-up is set.
// - One place: a lane is in exactly one state; `moveLane()` writes it for the pool, `Leases` for a thread.
// - Accounting: accepted = waiting + running + finished + refused + aborted, at every moment.
// - Ownership: a pool outlives its workers, a worker its lanes, a lane its exchanges; a worker outlives the process until its exit was seen.
// - Finality: nothing leaves `gone`; shutdown overrides reload; nothing overrides shutdown.

import { type Clock, systemClock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { LaneHolders } from '../leases/lane-holders.ts';
import { type CellsMaker, mostThreads } from '../leases/lane-word.ts';
import type { PoolPort, PoolShared } from '../leases/lease-messages.ts';
import { Scoreboard } from '../leases/scoreboard.ts';
import type { BellsMaker } from '../leases/waiting-board.ts';
import { type Log, silentLog } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { Queue } from '../queue/queue.ts';
import type { LaneHandle } from '../worker/lane-handle.ts';
import type { Program } from '../worker/program.ts';
import type { Starter } from '../worker/starter.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import { Effects, WorkerFactory } from './effects.ts';
import {
  type Failure,
  newPoolState,
  type PoolEvent,
  type PoolLimits,
  type PoolState,
  queueLimits,
} from './pool-state.ts';
import { snapshotOf } from './scoreboard-snapshot.ts';
import { step } from './step.ts';
import { ThreadTalk } from './thread-talk.ts';

/** What a pool is made from. */
export interface PoolOptions {
  readonly program: Program;
  readonly limits: PoolLimits;
  /** Folder for its sockets: private to this manager, mode 0700 (see `worker/runtime-directory.ts`). */
  readonly directory: string;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLog */
  readonly log?: Log;
  /** Starts its processes; whoever gives it closes it, after the pool. @default one of its own */
  readonly starter?: Starter;
  /** Told of an error that nothing foresaw: the pool's state is not to be believed any more. @default it is thrown */
  readonly onFault?: (error: unknown) => void;
  /** Front threads that may ever have its lanes. @default as many as there can be */
  readonly frontThreads?: number;
  /** Makes workers; for tests. @default those of `worker/worker.ts` */
  readonly makeWorker?: (program: Program, events: WorkerEvents) => WorkerHandle;
  /** How memory is read and written that threads share; for tests. */
  readonly cells?: CellsMaker;
  /** How threads wake each other; for tests. */
  readonly bells?: BellsMaker;
}

export class Pool {
  readonly name: string;
  readonly #clock: Clock;
  readonly #factory: WorkerFactory;
  readonly #startedAt: number;
  readonly #state: PoolState;
  readonly #onFault: (error: unknown) => void;
  readonly #effects: Effects;
  readonly #holders: LaneHolders;
  readonly #talk: ThreadTalk;
  readonly #events: PoolEvent[] = [];
  #isStepping = false;
  #isDestroyed = false;
  #starting: PromiseWithResolvers<void> | null = null;
  #reload: PromiseWithResolvers<void> | null = null;
  #reloads: Promise<void> = Promise.resolve();
  readonly #closed = Promise.withResolvers<void>();
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    const { program, limits, directory, clock = systemClock, log = silentLog } = options;
    const { starter = null, makeWorker = null } = options;
    this.name = program.name;
    this.#clock = clock;
    this.#startedAt = clock.wall();
    this.#factory = new WorkerFactory({ directory, clock, log, starter, makeWorker });
    this.#onFault = options.onFault ?? rethrow;
    this.#state = newPoolState(program.name, new Scoreboard(options.cells), program, limits);
    const onEvent = (event: PoolEvent): void => this.#dispatch(event);
    const worker = (id: number): WorkerHandle | undefined => this.#effects.worker(id);
    this.#talk = new ThreadTalk({
      state: this.#state,
      log,
      worker,
      onEvent,
      send: (index, message) => this.#holders.link(index)?.send(message),
      onServed: () => this.#served(),
      onLeft: (index) => this.#forgetThread(index, false),
    });
    this.#holders = new LaneHolders({
      name: program.name,
      board: this.#state.board,
      limits: queueLimits(limits),
      clock,
      log,
      owner: this.#talk,
      listener: this.#talk,
      onLook: () => this.#look(),
      cells: options.cells,
      bells: options.bells,
      threads: 1 + (options.frontThreads ?? mostThreads - 1),
    });
    this.#effects = new Effects({
      name: program.name,
      state: this.#state,
      factory: this.#factory,
      holders: this.#holders,
      clock,
      log,
      onEvent,
      onRefuse: () => this.#refuse(),
      onStarted: (failure) => this.#started(failure),
      onReloaded: (failure) => this.#reloaded(failure),
      onGone: () => this.#endWhenClosed(),
    });
  }

  /** Where its requests wait in this thread; what routes lead to. */
  get queue(): Queue<LaneHandle> {
    return this.#holders.local.queue;
  }

  /** What a front thread needs to open it there, besides a port: may be sent to it. */
  get shared(): PoolShared {
    return this.#holders.shared;
  }

  /** For tests alone. */
  get state(): PoolState {
    this.#state.waiting = this.#holders.waiting;
    return this.#state;
  }

  /**
   * Starts `minWorkers`. Resolves when the first is ready.
   * @throws LAUNCH_FAILED when the first could not be started; the pool stays open, and goes on trying
   */
  start(): Promise<void> {
    if (this.#state.phase !== 'new') return Promise.resolve();
    this.#factory.open();
    this.#starting = Promise.withResolvers();
    const { promise } = this.#starting;
    this.#dispatch({ type: 'open' });
    if (this.#state.workers.size === 0) this.#started(null);
    return promise;
  }

  /**
   * Lets a front thread take its lanes: `openPoolThread` at the other end of the port does so.
   * @param index from 1, below 63; 0 is this thread
   */
  openThread(index: number, port: PoolPort): void {
    this.#holders.open(index, port);
  }

  /** Asks a front thread to leave: it finishes its requests, and gives its lanes back. @param deadlineMs how long it may take for that */
  closeThread(index: number, deadlineMs: number = this.#state.generation.limits.stopTimeoutMs): void {
    this.#holders.close(index, deadlineMs);
  }

  /**
   * A front thread has ended, whatever it was doing. Its lanes come back; a process that runs a request of it may finish that, and is killed
   * when its time is over, as where a client has left. Repeatable.
   */
  threadDied(index: number): void {
    this.#forgetThread(index, true);
  }

  /** The event loop of a front thread does not turn: what is free and kept for it others may have, and what it holds, too, where requests wait in them. */
  threadStalls(index: number): void {
    const waiting = this.#holders.passOver(index);
    if (waiting > 0) this.#dispatch({ type: 'stalled', thread: index, waiting });
  }

  /**
   * Replaces every worker without losing a request: the next generation starts, answers its probe, and takes over; then the old one leaves.
   * One at a time; a later call waits for those before it.
   * @param isTried the program can be started, as far as is known: where no worker is wanted, none is started to find out
   * @throws LAUNCH_FAILED when the new program does not start; POOL_CLOSING. The old generation goes on then
   */
  reload(program: Program, limits: PoolLimits, isTried = false): Promise<void> {
    const turn = this.#reloads.then(() => {
      this.#reload = Promise.withResolvers();
      const { promise } = this.#reload;
      this.#dispatch({ type: 'reload', program, limits, isTried });
      return promise;
    });
    this.#reloads = turn.catch(() => {});
    return turn;
  }

  /**
   * Takes no more requests, finishes those it has, and ends every process. Repeatable.
   * @param deadlineMs how long requests may go on; by default `stopTimeoutMs`
   */
  close(deadlineMs: number = this.#state.generation.limits.stopTimeoutMs): Promise<void> {
    this.#beginClose();
    this.#holders.closeAll(deadlineMs);
    void this.queue.close(deadlineMs, () => this.#served());
    return this.#closed.promise;
  }

  /** Ends every request and process at once. Repeatable. */
  destroy(): Promise<void> {
    this.#beginClose();
    this.#holders.closeAll(null);
    void this.queue.destroy(() => this.#served());
    if (this.#state.phase !== 'closed') this.#dispatch({ type: 'destroy' });
    // Whatever the state says: nothing of it is left behind.
    this.#isDestroyed = true;
    for (const worker of this.#effects.workers) worker.kill();
    this.#endWhenClosed();
    return this.#closed.promise;
  }

  /** What the scoreboard says at this moment. */
  snapshot(): PoolSnapshot {
    const holders = this.#holders;
    holders.local.describeRequests();
    const { name, phase, slow } = this.queue;
    return snapshotOf(this.state, {
      queue: {
        name,
        phase,
        counters: { snapshot: () => holders.counters },
        durations: { snapshot: () => holders.durations },
        slow,
      },
      startedAt: this.#startedAt,
      nowMs: this.#clock.now(),
      epochMs: this.#clock.wall(),
    });
  }

  /** An operator has it take no new requests, and finish those it has; or take them again. */
  drain(isDrained: boolean): void {
    this.#holders.drain(isDrained);
  }

  /** Ends a request that runs, and what runs it. @param number of a snapshot @returns false: it does not run any more */
  endRequest(number: number): boolean {
    return this.#holders.endRequest(number);
  }

  /** Replaces a process, a child or a whole worker, when what it runs is done. @returns false: there is none with this id */
  recycle(pid: number): boolean {
    const isKnown = [...this.#state.workers.values()].some(
      (worker) => worker.pid === pid || [...worker.lanes].some(({ process }) => process?.pid === pid),
    );
    this.#holders.local.describeRequests();
    if (isKnown) this.#dispatch({ type: 'recycle', pid });
    return isKnown;
  }

  /** What is done when a front thread has rung; for tests, which ring no bell. */
  look(): void {
    this.#holders.look();
  }

  /** What front threads have written is looked at: more may wait. */
  #look(): void {
    const refused = this.#holders.takeRefused();
    if (refused > 0 || this.#holders.waiting > 0) this.#dispatch({ type: 'wanted', refused });
  }

  /** Nobody waits any more in this thread, or in another. */
  #served(): void {
    const isOver = this.queue.phase === 'served' || this.queue.phase === 'closed';
    if (isOver && this.#holders.isServed) this.#dispatch({ type: 'served' });
  }

  #forgetThread(index: number, hasEnded: boolean): void {
    for (const { slot } of this.#holders.forget(index, hasEnded)) {
      this.#dispatch({ type: 'released', slot, verdict: 'leave', reason: null, lost: null });
    }
    this.#look();
    this.#served();
  }

  #refuse(): void {
    const error = restingError(this.#state, this.#clock.now());
    this.#holders.refuse(error, (error.fields as { readonly retryAfterS: number }).retryAfterS);
  }

  /** One event, and what follows from it. One that comes while another is carried out waits for its turn. */
  #dispatch(event: PoolEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of step(this.state, next, this.#clock.now())) this.#effects.carryOut(effect);
      }
    } catch (error) {
      this.#events.length = 0;
      this.#onFault(error);
    } finally {
      this.#isStepping = false;
    }
  }

  #started(failure: Failure | null): void {
    if (failure === null) this.#starting?.resolve();
    else this.#starting?.reject(new PosternError(failure.code, failure.words));
    this.#starting = null;
  }

  #reloaded(failure: Failure | null): void {
    const reload = this.#reload;
    this.#reload = null;
    if (failure === null) {
      this.#holders.use(queueLimits(this.#state.generation.limits));
      reload?.resolve();
    } else reload?.reject(new PosternError(failure.code, failure.words));
  }

  #beginClose(): void {
    if (this.#state.phase === 'closing' || this.#state.phase === 'ending' || this.#state.phase === 'closed') return;
    // Our timers let the process end, and it must not before its children have.
    this.#keepAlive = setInterval(() => {}, 60_000);
    this.#dispatch({ type: 'close' });
  }

  #endWhenClosed(): void {
    if ((this.#state.phase !== 'closed' && !this.#isDestroyed) || !this.#effects.isEmpty) return;
    this.#effects.stop();
    this.#holders.end();
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    this.#factory.close();
    this.#closed.resolve();
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** Where nothing tells when it will be better. */
const unknownRetryS = 60;

function restingError({ generation: { score } }: PoolState, nowMs: number): PosternError {
  const waitS = Math.ceil((score.allowedAtMs(nowMs) - nowMs) / 1000);
  const retryAfterS = Number.isFinite(waitS) ? Math.max(1, waitS) : unknownRetryS;
  return new PosternError('POOL_RESTING', `no worker runs, ${score.describe(nowMs)}`, {
    fields: { retryAfterS },
    isTold: true,
  });
}
