// The pool: the workers of one program, and the queue of requests before them; its parts, put together, and its life.
//
// Invariants, executed by `verify.ts` in every test of a pool:
// - Safety: if a request waits, no lane that could take it is free.
// - Progress: if a request waits, then a lane is busy or on its way (starting, draining, stopping), or starting is held back until a
//   known time, or the pool is closing. Nothing waits for ever with nothing happening.
// - One place: a lane is in exactly one state; the scoreboard's `move()` is the only writer.
// - Accounting: accepted = waiting + running + finished + refused + aborted, at every moment.
// - Ownership: a pool outlives its workers, a worker its lanes, a lane its exchanges; a worker outlives the process until its exit was seen.
// - Finality: nothing leaves `gone`; shutdown overrides reload; nothing overrides shutdown.
// - Nothing sent twice: see `fate.ts`. Nothing ends well that did not: see the connection.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import { type Log, silentLog } from '../log.ts';
import type { Launcher } from '../worker/launcher.ts';
import type { Program } from '../worker/program.ts';
import { Closing } from './closing.ts';
import { Congestion } from './congestion.ts';
import { Deadlines } from './deadlines.ts';
import { Desk } from './desk.ts';
import { type Crew, Generation } from './generation.ts';
import { Health } from './health.ts';
import { Hiring } from './hiring.ts';
import { Ledger } from './ledger.ts';
import type { PoolLimits } from './limits.ts';
import { closingError, launchError } from './refusals.ts';
import { Reloading } from './reloading.ts';
import { Roster, type RosterOptions, type RosterOwner } from './roster.ts';
import { Scoreboard } from './scoreboard.ts';
import type { PoolSnapshot } from './snapshot.ts';
import { Staffing } from './staffing.ts';
import { takeSnapshot } from './take-snapshot.ts';
import type { Takeover } from './takeover.ts';
import type { PoolInner } from './verify.ts';

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
  /** Makes workers; for tests. @default those of `worker/worker.ts` */
  readonly hire?: RosterOptions['hire'];
}

/** How often processes are looked at. */
const sweepMs = 1_000;

export class Pool implements RosterOwner {
  readonly name: string;
  /** Where requests are given lanes. */
  readonly desk: Desk;
  readonly #clock: Clock;
  readonly #board = new Scoreboard();
  readonly #roster: Roster;
  readonly #hiring: Hiring | null;
  readonly #ledger: Ledger;
  readonly #health: Health;
  readonly #deadlines: Deadlines;
  readonly #staffing: Staffing;
  readonly #reloading: Reloading;
  readonly #closing: Closing;
  readonly #startedAtMs: number;
  #sweep: Timer | null = null;
  /** What `start()` gave out, until the first worker is ready or has failed. */
  #starting: PromiseWithResolvers<void> | null = null;

  constructor({ program, limits, directory, clock = systemClock, log = silentLog, launcher, hire }: PoolOptions) {
    this.name = program.name;
    this.#clock = clock;
    this.#startedAtMs = clock.wall();
    this.#ledger = new Ledger(this.#board, clock);
    this.#health = new Health(program.name, log);
    this.#hiring = hire ? null : new Hiring({ directory, clock, log, ...(launcher === undefined ? {} : { launcher }) });
    this.#roster = new Roster({
      board: this.#board,
      clock,
      log,
      owner: this,
      hire: hire ?? ((generation, events) => this.#hiring!.hire(generation.program, events)),
    });
    this.#staffing = new Staffing({
      roster: this.#roster,
      ledger: this.#ledger,
      health: this.#health,
      clock,
      onWake: () => this.desk.govern(),
    });
    this.#deadlines = new Deadlines({
      name: program.name,
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      clock,
      log,
      onLate: (ticket, waitedMs) => this.desk.late(ticket, waitedMs),
      onExpired: (lane) => this.desk.expired(lane),
      onTick: () => this.#closing.endWhenServed(),
    });
    this.#reloading = new Reloading({
      name: program.name,
      clock,
      log,
      onBegin: (takeover) => this.#startNext(takeover),
      onReady: (next) => this.#takeOver(next),
      onFailed: (next) => this.#roster.departures.retireAll(next, 'reload'),
    });
    this.#closing = new Closing({
      roster: this.#roster,
      ledger: this.#ledger,
      deadlines: this.#deadlines,
      clock,
      error: closingError(program.name),
      onBegin: () => this.#giveUp(),
      onClosed: () => this.#closed(),
    });
    this.desk = new Desk(new Generation(1, program, limits), {
      name: program.name,
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      congestion: new Congestion(program.name, clock, log),
      staffing: this.#staffing,
      deadlines: this.#deadlines,
      closing: this.#closing,
      clock,
    });
  }

  /** For `verify.ts` alone. */
  get inner(): PoolInner {
    return {
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      current: this.desk.generation,
      isClosing: this.#closing.phase !== 'open',
      heldUntilMs: this.#staffing.heldUntilMs,
    };
  }

  /**
   * Starts `minWorkers`. Resolves when the first is ready.
   * @throws LAUNCH_FAILED when the first could not be started; the pool stays open, and goes on trying
   */
  start(): Promise<void> {
    if (this.#closing.phase !== 'new') return Promise.resolve();
    this.#closing.open();
    this.#hiring?.open();
    this.#sweep = this.#clock.every(sweepMs, () => this.#roster.sweep(this.#clock.now()));
    this.desk.govern();
    if (this.desk.generation.crews.size === 0) return Promise.resolve();
    this.#starting = Promise.withResolvers();
    return this.#starting.promise;
  }

  /**
   * Replaces every worker without losing a request: the next generation starts, answers its probe, and takes over; then the old one leaves.
   * One at a time; a later call waits for those before it.
   * @throws LAUNCH_FAILED when the new program does not start; POOL_CLOSING. The old generation goes on then
   */
  reload(program: Program, limits: PoolLimits): Promise<void> {
    return this.#reloading.reload(program, limits);
  }

  /**
   * Takes no more requests, finishes those it has, and ends every process. Repeatable.
   * @param deadlineMs how long requests may go on; by default `stopTimeoutMs`
   */
  close(deadlineMs: number = this.desk.generation.limits.stopTimeoutMs): Promise<void> {
    return this.#closing.close(deadlineMs);
  }

  /** Ends every request and process at once. Repeatable. */
  destroy(): Promise<void> {
    return this.#closing.destroy();
  }

  /** What the scoreboard says at this moment. */
  snapshot(): PoolSnapshot {
    const { program, limits, number, score } = this.desk.generation;
    return takeSnapshot(this.#board, {
      name: this.name,
      program: program.title ?? program.command.join(' '),
      generation: number,
      startedAt: this.#startedAtMs,
      workers: limits.workers,
      queue: limits.queue,
      governor: score.describe(this.#clock.now()),
      spawnScore: score.value(this.#clock.now()),
      lastReload: this.#reloading.lastResult,
      nowMs: this.#clock.now(),
    });
  }

  /** See RosterOwner. */
  laneFreed(): void {
    this.desk.dispatch();
  }

  /** See RosterOwner. */
  crewReady(crew: Crew): void {
    this.#reloading.crewReady(crew);
    if (crew.generation !== this.desk.generation) return;
    this.#roster.admit(crew);
    this.#starting?.resolve();
    this.#starting = null;
    this.#health.report(this.desk.generation, false, this.#clock.now());
  }

  /** See RosterOwner. */
  crewWorked({ generation }: Crew): void {
    if (generation === this.desk.generation) this.#health.report(generation, false, this.#clock.now());
  }

  /** See RosterOwner. */
  crewExited(crew: Crew): void {
    this.#reloading.crewExited(crew);
    if (crew.generation !== this.desk.generation) return;
    if (!crew.worker.isReady) {
      this.#starting?.reject(launchError(crew, 'it is tried again'));
      this.#starting = null;
    }
    this.desk.govern();
  }

  /** See RosterOwner. */
  crewGone(crew: Crew): void {
    if (crew.generation === this.desk.generation) this.desk.govern();
    this.#closing.finishWhenEmpty();
  }

  #startNext(takeover: Takeover): void {
    if (this.#closing.phase !== 'open') throw closingError(this.name);
    const workers = takeover.wantedWorkers(this.desk.generation.lanes);
    for (let count = 0; count < workers; count += 1) this.#staffing.start(takeover.next);
    this.#deadlines.watch();
  }

  #takeOver(next: Generation): void {
    const old = this.desk.generation;
    this.desk.generation = next;
    for (const crew of next.crews) this.#roster.admit(crew);
    this.#roster.departures.retireAll(old, 'reload');
    this.desk.govern();
    this.#health.report(next, false, this.#clock.now());
  }

  /** The pool closes: whoever waits for a worker to start is told. */
  #giveUp(): void {
    const error = closingError(this.name);
    this.#starting?.reject(error);
    this.#reloading.cancel(error);
  }

  #closed(): void {
    this.#staffing.stop();
    this.#sweep?.cancel();
    this.#hiring?.close();
  }
}
