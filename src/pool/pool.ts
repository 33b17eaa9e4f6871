// The pool: the workers of one program, and the queue of requests before them.
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
import type { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Lane, LaneOutcome } from '../worker/lane.ts';
import type { Program } from '../worker/program.ts';
import { Closing } from './closing.ts';
import { Congestion } from './congestion.ts';
import { Deadlines } from './deadlines.ts';
import { fateOf } from './fate.ts';
import { type Crew, Generation } from './generation.ts';
import { Health } from './health.ts';
import { Hiring } from './hiring.ts';
import { Ledger } from './ledger.ts';
import type { PoolLimits } from './limits.ts';
import { closingError, fullError, launchError, tooLateError } from './refusals.ts';
import { Reloading } from './reloading.ts';
import { Roster, type RosterOptions, type RosterOwner } from './roster.ts';
import { Scoreboard } from './scoreboard.ts';
import type { PoolSnapshot } from './snapshot.ts';
import { Staffing } from './staffing.ts';
import { takeSnapshot } from './take-snapshot.ts';
import type { Takeover } from './takeover.ts';
import type { Ticket } from './ticket.ts';
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
  /** Makes workers; for tests. @default those of `worker/worker.ts` */
  readonly hire?: RosterOptions['hire'];
}

/** How often processes are looked at. */
const sweepMs = 1_000;

export class Pool implements RosterOwner {
  readonly name: string;
  readonly #clock: Clock;
  readonly #board = new Scoreboard();
  readonly #roster: Roster;
  readonly #hiring: Hiring | null;
  readonly #ledger: Ledger;
  readonly #health: Health;
  readonly #congestion: Congestion;
  readonly #deadlines: Deadlines;
  readonly #staffing: Staffing;
  readonly #reloading: Reloading;
  readonly #closing: Closing;
  readonly #startedAtMs: number;
  #current: Generation;
  #isDispatching = false;
  #sweep: Timer | null = null;
  /** What `start()` gave out, until the first worker is ready or has failed. */
  #starting: PromiseWithResolvers<void> | null = null;

  constructor({ program, limits, directory, clock = systemClock, log = silentLog, hire }: PoolOptions) {
    this.name = program.name;
    this.#clock = clock;
    this.#startedAtMs = clock.wall();
    this.#current = new Generation(1, program, limits);
    this.#ledger = new Ledger(this.#board, clock);
    this.#health = new Health(program.name, log);
    this.#congestion = new Congestion(program.name, clock, log);
    this.#hiring = hire ? null : new Hiring({ directory, clock, log });
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
      onWake: () => this.#govern(),
    });
    this.#deadlines = new Deadlines({
      name: program.name,
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      clock,
      log,
      onLate: (ticket, waitedMs) => {
        const busy = this.#board.count('busy');
        this.#refuseForLack(ticket, tooLateError(this.#current.limits, waitedMs, busy));
      },
      onExpired: (lane) => this.#free(lane, { code: 'ANSWER_TIMEOUT', isDone: false, isAborted: false }),
      onTick: () => this.#closing.endWhenServed(),
    });
    this.#reloading = new Reloading({
      name: program.name,
      clock,
      log,
      onBegin: (takeover) => this.#startNext(takeover),
      onReady: (next) => this.#takeOver(next),
      onFailed: (next) => this.#roster.retireAll(next, 'reload', clock.now()),
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
  }

  /** For `verify.ts` alone. */
  get inner(): PoolInner {
    return {
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      current: this.#current,
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
    this.#govern();
    if (this.#current.crews.size === 0) return Promise.resolve();
    this.#starting = Promise.withResolvers();
    return this.#starting.promise;
  }

  /**
   * Gives the ticket a lane: at once, or when one is free.
   * 1. A closing pool takes nothing.
   * 2. A free lane is taken at once, the one that was used last.
   * 3. Else the request waits, unless too many do, or none may: then it is refused.
   * 4. Whoever waits is told what the governor decides: a lane is on its way, or none can come soon.
   */
  acquire(ticket: Ticket): void {
    this.#ledger.accept();
    if (this.#closing.phase !== 'open') {
      this.#ledger.refuse(ticket, closingError(this.name));
      return;
    }
    const lane = this.#roster.lanes.take();
    if (lane !== undefined) {
      this.#assign(ticket, lane, 0);
      return;
    }
    const { queue, queueTimeoutMs } = this.#current.limits;
    if (this.#ledger.waiting >= queue || queueTimeoutMs === 0) {
      this.#refuseForLack(ticket, fullError(this.#current.limits, this.#ledger.waiting, this.#board.count('busy')));
      this.#govern(1);
      return;
    }
    if (this.#ledger.waiting === 0 && this.#current.lanes >= this.#current.limits.workers) {
      this.#board.add('maxWorkersReached', 1);
    }
    this.#wait(ticket, false);
    this.#govern();
  }

  /** Takes back a ticket that waits. @returns false when it does not wait (any more) */
  cancel(ticket: Ticket): boolean {
    if (!this.#ledger.unwait(ticket)) return false;
    this.#ledger.close('aborted');
    return true;
  }

  /** The lane's request has ended. */
  release(lane: Lane, outcome: LaneOutcome): void {
    if (!this.#leave(lane)) return;
    this.#ledger.close(outcome.code === null && !outcome.isAborted ? 'finished' : 'aborted');
    this.#free(lane, outcome);
    this.#closing.endWhenServed();
  }

  /** The lane's request has failed in a way that allows it to be sent again: its ticket is granted another lane, before all who wait. */
  retry(lane: Lane, outcome: LaneOutcome): void {
    const ticket = this.#leave(lane);
    if (!ticket) return;
    this.#ledger.close('retried');
    if (this.#closing.phase === 'ending') {
      this.#ledger.refuse(ticket, closingError(this.name));
      this.#free(lane, outcome);
      return;
    }
    this.#wait(ticket, true);
    this.#free(lane, outcome);
    this.#dispatch();
    this.#govern();
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
  close(deadlineMs: number = this.#current.limits.stopTimeoutMs): Promise<void> {
    return this.#closing.close(deadlineMs);
  }

  /** Ends every request and process at once. Repeatable. */
  destroy(): Promise<void> {
    return this.#closing.destroy();
  }

  /** What the scoreboard says at this moment. */
  snapshot(): PoolSnapshot {
    const { program, limits, number, score } = this.#current;
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
    this.#dispatch();
  }

  /** See RosterOwner. */
  crewReady(crew: Crew): void {
    this.#reloading.crewReady(crew);
    if (crew.generation !== this.#current) return;
    this.#roster.admit(crew);
    this.#starting?.resolve();
    this.#starting = null;
    this.#health.report(this.#current, false, this.#clock.now());
  }

  /** See RosterOwner. */
  crewWorked({ generation }: Crew): void {
    if (generation === this.#current) this.#health.report(generation, false, this.#clock.now());
  }

  /** See RosterOwner. */
  crewExited(crew: Crew): void {
    this.#reloading.crewExited(crew);
    if (crew.generation !== this.#current) return;
    if (!crew.worker.isReady) {
      this.#starting?.reject(launchError(crew, 'it is tried again'));
      this.#starting = null;
    }
    this.#govern();
  }

  /** See RosterOwner. */
  crewGone(crew: Crew): void {
    if (crew.generation === this.#current) this.#govern();
    this.#closing.finishWhenEmpty();
  }

  #assign(ticket: Ticket, lane: Lane, waitedMs: number): void {
    this.#deadlines.watch();
    this.#ledger.run(ticket, lane, waitedMs, this.#current.limits.requestTimeoutMs);
  }

  #wait(ticket: Ticket, isFirst: boolean): void {
    this.#deadlines.watch();
    this.#ledger.wait(ticket, this.#current.limits.queueTimeoutMs, isFirst);
  }

  #refuseForLack(ticket: Ticket, error: PosternError): void {
    this.#congestion.note(error);
    this.#ledger.refuse(ticket, error);
  }

  #dispatch(): void {
    // A ticket may release its lane before granted() returns; the loop sees that lane, and the stack stays flat.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    for (let ticket = this.#ledger.first; ticket !== null; ticket = this.#ledger.first) {
      const lane = this.#roster.lanes.take();
      if (lane === undefined) break;
      this.#ledger.unwait(ticket);
      this.#assign(ticket, lane, this.#clock.now() - ticket.waitingSinceMs);
    }
    this.#isDispatching = false;
  }

  /** The request of a lane leaves it; null: it had none, or lost it before. */
  #leave(lane: Lane): Ticket | null {
    return this.#roster.lanes.lane(lane.slot) === lane ? this.#ledger.leave(lane.slot) : null;
  }

  #free(lane: Lane, outcome: LaneOutcome): void {
    const fate = fateOf(outcome);
    this.#roster.free(lane, fate, this.#board.columns.deadlineMs[lane.slot]! - this.#clock.now());
    // Its process may take a while to leave: whoever waits is not to wait for that.
    if (fate !== 'keep' && this.#ledger.waiting > 0) this.#govern();
  }

  /** @param refused requests that were refused just now, and would have waited */
  #govern(refused = 0): void {
    const { phase } = this.#closing;
    const isServing = phase === 'open' || (phase === 'closing' && this.#ledger.waiting > 0);
    if (!isServing) return;
    this.#staffing.govern(this.#current, refused);
    if (this.#current.startingLanes > 0) this.#deadlines.watch();
  }

  #startNext(takeover: Takeover): void {
    if (this.#closing.phase !== 'open') throw closingError(this.name);
    const workers = takeover.wantedWorkers(this.#current.lanes);
    for (let count = 0; count < workers; count += 1) this.#staffing.start(takeover.next);
    this.#deadlines.watch();
  }

  #takeOver(next: Generation): void {
    const old = this.#current;
    this.#current = next;
    for (const crew of next.crews) this.#roster.admit(crew);
    this.#roster.retireAll(old, 'reload', this.#clock.now() + old.limits.stopTimeoutMs);
    this.#govern();
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
