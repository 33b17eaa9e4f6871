// A pool of managed workers: gives their lanes to the queue, tells `step` what happens to them, and has carried out what it decides.
//
// Invariants, executed by `invariants.ts` in every test of a pool:
// - Safety: if a request waits, no lane that could take it is free.
// - Progress: if a request waits, then a lane is busy or on its way (starting, draining, stopping), or starting is held back until a
//   known time, or the pool is closing. If more is wanted than lives and starts, a wake-up is set.
// - One place: a lane is in exactly one state; `moveLane()` is the only writer.
// - Accounting: accepted = waiting + running + finished + refused + aborted, at every moment.
// - Ownership: a pool outlives its workers, a worker its lanes, a lane its exchanges; a worker outlives the process until its exit was seen.
// - Finality: nothing leaves `gone`; shutdown overrides reload; nothing overrides shutdown.

import { type Clock, systemClock } from '../clock.ts';
import { type ErrorCode, PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { SeatOutcome, SeatProvider, SeatSeeker, Then } from '../queue/seat.ts';
import type { LaneHandle } from '../worker/lane-handle.ts';
import type { Program } from '../worker/program.ts';
import type { Starter } from '../worker/starter.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import { Effects, WorkerFactory } from './effects.ts';
import { type PoolLimits, queueLimits } from './pool-limits.ts';
import {
  type Failure,
  type LostRequest,
  moveLane,
  newPoolState,
  type PoolEvent,
  type PoolState,
} from './pool-state.ts';
import { reasonAfterRequest } from './recycling.ts';
import { fateOf } from './retiring.ts';
import { Scoreboard } from './scoreboard.ts';
import { snapshotOf } from './scoreboard-snapshot.ts';
import { step } from './step.ts';

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
  /** Makes workers; for tests. @default those of `worker/worker.ts` */
  readonly hire?: (program: Program, events: WorkerEvents) => WorkerHandle;
}

export class Pool implements SeatProvider<LaneHandle> {
  readonly name: string;
  /** Where its requests wait; what routes lead to. */
  readonly queue: Queue<LaneHandle>;
  readonly words = { seat: 'lane', limit: 'workers' };
  readonly #clock: Clock;
  readonly #factory: WorkerFactory;
  readonly #startedAt: number;
  readonly #state: PoolState;
  readonly #onFault: (error: unknown) => void;
  readonly #effects: Effects;
  readonly #events: PoolEvent[] = [];
  #isStepping = false;
  #isDestroyed = false;
  #starting: PromiseWithResolvers<void> | null = null;
  #reload: PromiseWithResolvers<void> | null = null;
  #reloads: Promise<void> = Promise.resolve();
  readonly #closed = Promise.withResolvers<void>();
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    const { program, limits, directory, clock = systemClock, log = silentLog, starter = null, hire = null } = options;
    this.name = program.name;
    this.#clock = clock;
    this.#startedAt = clock.wall();
    this.#factory = new WorkerFactory({ directory, clock, log, starter, hire });
    this.#onFault = options.onFault ?? rethrow;
    this.#state = newPoolState(program.name, new Scoreboard(), program, limits);
    this.#effects = new Effects({
      name: program.name,
      state: this.#state,
      factory: this.#factory,
      clock,
      log,
      onEvent: (event) => this.#dispatch(event),
      onFreed: () => this.queue.serve(),
      onRefuse: () => this.queue.refuseWaiting(restingError(this.#state, clock.now())),
      onStarted: (failure) => this.#started(failure),
      onReloaded: (failure) => this.#reloaded(failure),
      onGone: () => this.#endWhenClosed(),
    });
    this.queue = new Queue({ name: program.name, provider: this, limits: queueLimits(limits), clock, log });
  }

  /** For `invariants.ts` and tests alone. */
  get state(): PoolState {
    this.#state.waiting = this.queue.waiting;
    return this.#state;
  }

  /**
   * Starts `minWorkers`. Resolves when the first is ready.
   * @throws LAUNCH_FAILED when the first could not be started; the pool stays open, and goes on trying
   */
  start(): Promise<void> {
    if (this.#state.phase !== 'new') return Promise.resolve();
    this.#factory.open();
    this.#effects.start();
    this.#starting = Promise.withResolvers();
    const { promise } = this.#starting;
    this.#dispatch({ type: 'open' });
    if (this.#state.workers.size === 0) this.#started(null);
    return promise;
  }

  /**
   * Replaces every worker without losing a request: the next generation starts, answers its probe, and takes over; then the old one leaves.
   * One at a time; a later call waits for those before it.
   * @throws LAUNCH_FAILED when the new program does not start; POOL_CLOSING. The old generation goes on then
   */
  reload(program: Program, limits: PoolLimits): Promise<void> {
    const turn = this.#reloads.then(() => {
      this.#reload = Promise.withResolvers();
      const { promise } = this.#reload;
      this.#dispatch({ type: 'reload', program, limits });
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
    void this.queue.close(deadlineMs, () => this.#dispatch({ type: 'served' }));
    return this.#closed.promise;
  }

  /** Ends every request and process at once. Repeatable. */
  destroy(): Promise<void> {
    this.#beginClose();
    void this.queue.destroy(() => this.#dispatch({ type: 'served' }));
    if (this.#state.phase !== 'closed') this.#dispatch({ type: 'destroy' });
    // Whatever the state says: nothing of it is left behind.
    this.#isDestroyed = true;
    for (const worker of this.#effects.workers) worker.kill();
    this.#endWhenClosed();
    return this.#closed.promise;
  }

  /** What the scoreboard says at this moment. */
  snapshot(): PoolSnapshot {
    const { queue } = this;
    return snapshotOf(this.state, {
      queue,
      startedAt: this.#startedAt,
      nowMs: this.#clock.now(),
      epochMs: this.#clock.wall(),
      requestOn: this.#requestNumbers(),
    });
  }

  /** Replaces a process, a child or a whole worker, when what it runs is done. @returns false: there is none with this id */
  recycle(pid: number): boolean {
    const isKnown = [...this.#state.workers.values()].some(
      (worker) => worker.pid === pid || [...worker.lanes].some(({ process }) => process?.pid === pid),
    );
    if (isKnown) this.#dispatch({ type: 'recycle', pid });
    return isKnown;
  }

  /** See SeatProvider. */
  take(seeker: SeatSeeker): LaneHandle | null {
    const state = this.#state;
    const record = state.idle.at(-1);
    if (record === undefined) return null;
    const nowMs = this.#clock.now();
    moveLane(state, record, 'busy', nowMs);
    state.board.begin(record.slot, seeker.request, seeker.waitedMs, nowMs);
    return this.#effects.lane(record.slot)!;
  }

  /** See SeatProvider. */
  giveBack(lane: LaneHandle, outcome: SeatOutcome, next: Then): void {
    const { slot } = lane;
    const state = this.#state;
    const record = state.lanes[slot];
    if (!record || this.#effects.lane(slot) !== lane) return;
    const { board } = state;
    const nowMs = this.#clock.now();
    const ranMs = nowMs - board.columns.beganAtMs[slot]!;
    board.columns.ranMs[slot] = ranMs;
    const { worker } = record;
    // A complete answer leaves no question about its process.
    const fate = outcome.code === null && outcome.isDone ? 'keep' : fateOf(outcome);
    if (fate === 'keep') {
      const process = lane.process ?? record.process;
      if (process !== null) {
        process.requests += 1;
        process.workedMs += ranMs;
      }
      board.columns.requests[slot] = process?.requests ?? board.columns.requests[slot]! + 1;
      board.columns.workedMs[slot] = process?.workedMs ?? board.columns.workedMs[slot]! + ranMs;
      // The usual way back is no event.
      const mayLeave = worker.generation.recycles || record.isAskedToLeave;
      const isAsked = mayLeave && reasonAfterRequest(state, record, nowMs) !== null;
      if (worker.hasWorked && board.state(slot) === 'busy' && !isAsked) {
        worker.usedAtMs = nowMs;
        moveLane(state, record, 'idle', nowMs);
        return;
      }
    }
    const { pid, exit, processEnd } = lane;
    const isOutOfMemory = processEnd === 'memory';
    const isLost = fate === 'lost' && pid > 0;
    const [method, url] = [board.method(slot), board.url(slot)];
    const lost: LostRequest | null = isLost
      ? { pid, method, url, ranMs: Math.round(ranMs), exit, isOutOfMemory, isAgain: next === 'again' }
      : null;
    this.#dispatch({ type: 'released', slot, fate, lost });
  }

  /** See SeatProvider. */
  wanted(_waiting: number, refused: number): void {
    this.#dispatch({ type: 'wanted', refused });
  }

  /** See SeatProvider. A worker that takes no connection says nothing of the others. */
  hasOther(_seeker: SeatSeeker, code: ErrorCode): boolean {
    return code === 'CONNECT_FAILED';
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

  /** By slot: the numbers of the requests that run. */
  #requestNumbers(): ReadonlyMap<number, number> {
    const { queue } = this;
    const numbers = new Map<number, number>();
    for (const attempt of queue.attempts()) {
      const lane = attempt.seat as LaneHandle | null;
      if (lane !== null) numbers.set(lane.slot, queue.numbers.of(attempt));
    }
    return numbers;
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
      this.queue.use(queueLimits(this.#state.generation.limits));
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
