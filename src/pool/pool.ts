// A pool of managed workers: gives their lanes to the queue, tells `step` what happens to them, and carries out what it decides.
//
// Invariants, executed by `invariants.ts` in every test of a pool:
// - Safety: if a request waits, no lane that could take it is free.
// - Progress: if a request waits, then a lane is busy or on its way (starting, draining, stopping), or starting is held back until a
//   known time, or the pool is closing. If more is wanted than lives and starts, a wake-up is set.
// - One place: a lane is in exactly one state; `moveLane()` is the only writer.
// - Accounting: accepted = waiting + running + finished + refused + aborted, at every moment.
// - Ownership: a pool outlives its workers, a worker its lanes, a lane its exchanges; a worker outlives the process until its exit was seen.
// - Finality: nothing leaves `gone`; shutdown overrides reload; nothing overrides shutdown.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { EndedRequest } from '../connection/running-exchanges.ts';
import { type ErrorCode, PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { SeatOutcome, SeatProvider, SeatSeeker, Then } from '../queue/seat.ts';
import type { LaneHandle } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import type { Launcher } from '../worker/launcher.ts';
import type { Program } from '../worker/program.ts';
import { readUsage } from '../worker/usage.ts';
import type { WorkerEvents, WorkerHandle } from '../worker/worker.ts';
import { fateOf } from './fate.ts';
import { type PoolLimits, queueLimits } from './pool-limits.ts';
import {
  type Effect,
  type Failure,
  type LaneRecord,
  type LostRequest,
  moveLane,
  newPoolState,
  type PoolEvent,
  type PoolState,
  type WorkerRecord,
} from './pool-state.ts';
import { tell } from './pool-words.ts';
import { reasonAfterRequest } from './recycling.ts';
import { Scoreboard } from './scoreboard.ts';
import { snapshotOf } from './scoreboard-snapshot.ts';
import { step } from './step.ts';
import { WorkerFactory } from './worker-factory.ts';

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
  readonly launcher?: Launcher;
  /** Told of an error that nothing foresaw: the pool's state is not to be believed any more. @default it is thrown */
  readonly onFault?: (error: unknown) => void;
  /** Makes workers; for tests. @default those of `worker/worker.ts` */
  readonly hire?: (program: Program, events: WorkerEvents) => WorkerHandle;
}

/** How often running processes are looked at, and every how many looks all of them are measured. */
const lookMs = 250;
const looksPerSweep = 4;
/** How often children that are to end are looked at. */
const childLookMs = 10;

export class Pool implements SeatProvider<LaneHandle>, WorkerEvents {
  readonly name: string;
  /** Where its requests wait; what routes lead to. */
  readonly queue: Queue<LaneHandle>;
  readonly words = { seat: 'lane', limit: 'workers' };
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #factory: WorkerFactory;
  readonly #startedAt: number;
  readonly #state: PoolState;
  readonly #onFault: (error: unknown) => void;
  /** By slot, and by id: what is behind the records of the state. */
  readonly #lanes: LaneHandle[] = [];
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #ids = new Map<WorkerHandle, number>();
  readonly #events: PoolEvent[] = [];
  #isStepping = false;
  #isDestroyed = false;
  #sweepTimer: Timer | null = null;
  #looks = 0;
  #wakeTimer: Timer | null = null;
  #childTimer: Timer | null = null;
  /** Slots whose process was gone at the last look, though its connection stood. */
  readonly #missing = new Set<number>();
  #starting: PromiseWithResolvers<void> | null = null;
  #reload: PromiseWithResolvers<void> | null = null;
  #reloads: Promise<void> = Promise.resolve();
  readonly #closed = Promise.withResolvers<void>();
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    const { program, limits, directory, clock = systemClock, log = silentLog, launcher = null, hire = null } = options;
    this.name = program.name;
    this.#clock = clock;
    this.#log = log;
    this.#startedAt = clock.wall();
    this.#factory = new WorkerFactory({ directory, clock, log, launcher, hire });
    this.#onFault = options.onFault ?? rethrow;
    this.#state = newPoolState(program.name, new Scoreboard(), program, limits);
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
    this.#sweepTimer = this.#clock.every(lookMs, () => this.#look());
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
    for (const worker of this.#workers.values()) worker.kill();
    this.#endWhenClosed();
    return this.#closed.promise;
  }

  /** What the scoreboard says at this moment. */
  snapshot(): PoolSnapshot {
    const { queue } = this;
    return snapshotOf(this.state, {
      counters: queue.counters.snapshot(),
      startedAt: this.#startedAt,
      nowMs: this.#clock.now(),
    });
  }

  /** See SeatProvider. */
  take(seeker: SeatSeeker): LaneHandle | null {
    const state = this.#state;
    const record = state.idle.at(-1);
    if (record === undefined) return null;
    const nowMs = this.#clock.now();
    moveLane(state, record, 'busy', nowMs);
    state.board.begin(record.slot, seeker.request, seeker.waitedMs, nowMs);
    return this.#lanes[record.slot]!;
  }

  /** See SeatProvider. */
  giveBack(lane: LaneHandle, outcome: SeatOutcome, next: Then): void {
    const { slot } = lane;
    const state = this.#state;
    const record = state.lanes[slot];
    if (!record || this.#lanes[slot] !== lane) return;
    const { board } = state;
    const nowMs = this.#clock.now();
    const ranMs = nowMs - board.columns.beganAtMs[slot]!;
    board.columns.ranMs[slot] = ranMs;
    const fate = fateOf(outcome);
    const { worker } = record;
    if (fate === 'keep') {
      const process = lane.process ?? record.process;
      if (process !== null) process.requests += 1;
      board.columns.requests[slot] = process?.requests ?? board.columns.requests[slot]! + 1;
      // The usual way back is no event.
      if (worker.hasWorked && board.state(slot) === 'busy' && reasonAfterRequest(state, record, nowMs) === null) {
        worker.usedAtMs = nowMs;
        moveLane(state, record, 'idle', nowMs);
        return;
      }
    }
    const { pid, exit } = lane;
    const isLost = fate === 'lost' && pid > 0;
    const [method, url] = [board.method(slot), board.url(slot)];
    const lost: LostRequest | null = isLost
      ? { pid, method, url, ranMs: Math.round(ranMs), exit, isAgain: next === 'again' }
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

  /** See WorkerEvents. */
  workerReady(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id !== undefined) this.#dispatch({ type: 'ready', worker: id });
  }

  /** See WorkerEvents. */
  workerExited(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    const { exit, ending, isShortage } = worker;
    if (id !== undefined) this.#dispatch({ type: 'exited', worker: id, exit, ending, isShortage });
  }

  /** See WorkerEvents. */
  workerGone(worker: WorkerHandle): void {
    const id = this.#ids.get(worker);
    if (id === undefined) return;
    this.#ids.delete(worker);
    this.#workers.delete(id);
    this.#dispatch({ type: 'gone', worker: id });
    this.#endWhenClosed();
  }

  /** See LaneEvents. */
  laneKnown(lane: LaneHandle): void {
    if (this.#lanes[lane.slot] === lane) this.#dispatch({ type: 'known', slot: lane.slot, process: lane.process });
  }

  /** See LaneEvents. */
  laneLost(lane: LaneHandle, process: LaneProcess): void {
    const record = this.#state.lanes[lane.slot];
    if (!record || this.#lanes[lane.slot] !== lane) return;
    const ending = this.#workers.get(record.worker.id)?.endOf(process) ?? null;
    this.#dispatch({ type: 'lost', slot: lane.slot, exit: ending?.exit ?? null });
  }

  /** See LaneEvents. */
  laneForeign(_lane: LaneHandle, pid: number): void {
    this.#log.warn(
      { pool: this.name, pid },
      `process ${pid} served the socket of pool ${this.name} and is none of its workers: it was killed; ` +
        'a script has started it: start the command line PHP there, not php-cgi',
    );
  }

  /** See LaneEvents. */
  laneStraggled(lane: LaneHandle, of: EndedRequest | null): void {
    const { pid } = lane;
    const what = of === null ? 'a request that ended earlier' : `${of.method} ${of.url}`;
    this.#log.warn(
      { pool: this.name, pid, ...of },
      `process ${pid} goes on writing for ${what}, which has ended: what it writes is dropped; does the script fork?`,
    );
  }

  /** One event, and what follows from it. One that comes while another is carried out waits for its turn. */
  #dispatch(event: PoolEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of step(this.state, next, this.#clock.now())) this.#carryOut(effect);
      }
    } catch (error) {
      this.#events.length = 0;
      this.#onFault(error);
    } finally {
      this.#isStepping = false;
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'start':
        this.#startWorker(effect.worker);
        return;
      case 'open-lane':
        this.#addLane(this.#workers.get(effect.lane.worker.id)!, effect.lane.slot);
        return;
      case 'close-lane':
        this.#lanes[effect.slot]?.close();
        return;
      case 'stop':
        this.#workers.get(effect.worker.id)?.stop(effect.how.graceMs, effect.how.signal);
        return;
      case 'kill':
        this.#workers.get(effect.worker.id)?.kill();
        return;
      case 'signal': {
        const { worker, process } = effect.lane;
        if (process === null) return;
        if (effect.signal === 'SIGKILL') this.#workers.get(worker.id)?.killProcess(process);
        else this.#workers.get(worker.id)?.signal(process, effect.signal);
        return;
      }
      case 'forget':
        this.#workers.get(effect.worker.id)?.forget(effect.process);
        return;
      case 'look':
        this.#childTimer ??= this.#clock.after(childLookMs, () => this.#lookAtChildren());
        return;
      case 'freed':
        this.queue.serve();
        return;
      case 'refuse':
        this.queue.refuseWaiting(restingError(this.#state, this.#clock.now()));
        return;
      case 'wake':
        this.#wake(effect.atMs);
        return;
      case 'started':
        this.#started(effect.failure);
        return;
      case 'reloaded':
        this.#reloaded(effect.failure);
        return;
      case 'closed':
        this.#endWhenClosed();
        return;
      case 'tell':
        tell(this.#log, this.name, effect.what, this.#clock.now());
        return;
    }
  }

  #startWorker(record: WorkerRecord): void {
    const worker = this.#factory.make(record.generation.program, this);
    this.#workers.set(record.id, worker);
    this.#ids.set(worker, record.id);
    for (const { slot } of record.lanes) this.#addLane(worker, slot);
    worker.start();
    this.#dispatch({ type: 'launched', worker: record.id, pid: worker.pid });
  }

  #addLane(worker: WorkerHandle, slot: number): void {
    const lane = worker.addLane();
    lane.slot = slot;
    this.#lanes[slot] = lane;
  }

  #wake(atMs: number | null): void {
    this.#wakeTimer?.cancel();
    this.#wakeTimer =
      atMs === null ? null : this.#clock.after(atMs - this.#clock.now(), () => this.#dispatch({ type: 'woke' }));
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

  /** Every quarter of a second: processes that have gone though their connection stands; once a second, what all of them use. */
  #look(): void {
    this.#lookAtRunning();
    this.#looks += 1;
    if (this.#looks % looksPerSweep !== 0) return;
    const { columns } = this.#state.board;
    for (const record of this.#state.lanes) {
      if (!record) continue;
      const pid = columns.pid[record.slot]!;
      const usage = pid === 0 ? null : readUsage(pid);
      columns.memoryBytes[record.slot] = usage?.memoryBytes ?? 0;
      columns.cpuMs[record.slot] = usage?.cpuMs ?? 0;
    }
    this.#dispatch({ type: 'swept' });
  }

  /** Something that a process started may hold its connection open: what the process itself had sent has come when it is looked at twice. */
  #lookAtRunning(): void {
    const { lanes, board } = this.#state;
    for (const record of lanes) {
      if (!record) continue;
      const { slot } = record;
      const state = board.state(slot);
      const pid = board.columns.pid[slot]!;
      const worker = this.#workers.get(record.worker.id);
      if ((state !== 'busy' && state !== 'draining') || pid === 0 || !worker?.hasEnded(pid)) this.#missing.delete(slot);
      else if (this.#missing.has(slot)) this.#lanes[slot]?.break();
      else this.#missing.add(slot);
    }
  }

  #lookAtChildren(): void {
    this.#childTimer = null;
    const hasEnded = ({ worker, process }: LaneRecord): boolean =>
      process === null || (this.#workers.get(worker.id)?.hasEnded(process.pid) ?? true);
    const gone = this.#state.lanes
      .filter((lane) => lane !== null && lane.killAtMs !== null && hasEnded(lane))
      .map((lane) => lane!.slot);
    this.#dispatch({ type: 'looked', gone });
  }

  #beginClose(): void {
    if (this.#state.phase === 'closing' || this.#state.phase === 'ending' || this.#state.phase === 'closed') return;
    // Our timers let the process end, and it must not before its children have.
    this.#keepAlive = setInterval(() => {}, 60_000);
    this.#dispatch({ type: 'close' });
  }

  #endWhenClosed(): void {
    if ((this.#state.phase !== 'closed' && !this.#isDestroyed) || this.#workers.size > 0) return;
    this.#sweepTimer?.cancel();
    this.#wakeTimer?.cancel();
    this.#childTimer?.cancel();
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
