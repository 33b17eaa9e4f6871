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
import type { StopReason } from '../worker/state.ts';
import { Congestion } from './congestion.ts';
import { Deadlines } from './deadlines.ts';
import { fateOf } from './fate.ts';
import { type Crew, Generation } from './generation.ts';
import { Health } from './health.ts';
import { Hiring } from './hiring.ts';
import { Ledger } from './ledger.ts';
import type { PoolLimits } from './limits.ts';
import { closingError, fullError, launchError, tooLateError } from './refusals.ts';
import { Roster, type RosterOptions, type RosterOwner } from './roster.ts';
import { Scoreboard } from './scoreboard.ts';
import type { PoolSnapshot } from './snapshot.ts';
import { Staffing } from './staffing.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { Takeover } from './takeover.ts';
import type { Ticket } from './ticket.ts';

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

type Phase = 'new' | 'open' | 'closing' | 'closed';

export class Pool implements RosterOwner {
  readonly name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #board = new Scoreboard();
  readonly #roster: Roster;
  readonly #hiring: Hiring | null;
  readonly #ledger: Ledger;
  readonly #health: Health;
  readonly #congestion: Congestion;
  readonly #deadlines: Deadlines;
  readonly #staffing: Staffing;
  readonly #startedAtMs: number;
  #phase: Phase = 'new';
  #current: Generation;
  /** The reload that is on its way. */
  #takeover: Takeover | null = null;
  #lastNumber = 1;
  #isDispatching = false;
  #sweep: Timer | null = null;
  #closeBy: Timer | null = null;
  #keepAlive: NodeJS.Timeout | null = null;
  #lastReload: string | null = null;
  #starting: Waiting | null = null;
  #reloads: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;
  #whenClosed: (() => void) | null = null;

  constructor({ program, limits, directory, clock = systemClock, log = silentLog, hire }: PoolOptions) {
    this.name = program.name;
    this.#clock = clock;
    this.#log = log;
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
      onTick: () => this.#closeWhenDone(),
    });
  }

  /** For `verify.ts` alone. */
  get inner(): PoolInner {
    return {
      board: this.#board,
      roster: this.#roster,
      ledger: this.#ledger,
      current: this.#current,
      isClosing: this.#phase !== 'open',
      heldUntilMs: this.#staffing.heldUntilMs,
    };
  }

  /**
   * Starts `minWorkers`. Resolves when the first is ready.
   * @throws LAUNCH_FAILED when the first could not be started; the pool stays open, and goes on trying
   */
  start(): Promise<void> {
    if (this.#phase !== 'new') return Promise.resolve();
    this.#phase = 'open';
    this.#hiring?.open();
    this.#sweep = this.#clock.every(sweepMs, () => this.#roster.sweep(this.#clock.now()));
    this.#govern();
    return this.#current.crews.size === 0
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          this.#starting = { resolve, reject };
        });
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
    if (this.#phase !== 'open') {
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
    this.#closeWhenDone();
  }

  /** The lane's request has failed in a way that allows it to be sent again: its ticket is granted another lane, before all who wait. */
  retry(lane: Lane, outcome: LaneOutcome): void {
    const ticket = this.#leave(lane);
    if (!ticket) return;
    this.#ledger.close('retried');
    if (this.#phase === 'closed') {
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
    const turn = this.#reloads.then(() => this.#reload(program, limits));
    this.#reloads = turn.catch(() => {});
    return turn;
  }

  /**
   * Takes no more requests, finishes those it has, and ends every process. Repeatable.
   * @param deadlineMs how long requests may go on; by default `stopTimeoutMs`
   */
  close(deadlineMs: number = this.#current.limits.stopTimeoutMs): Promise<void> {
    const closed = this.#beginClosing();
    if (this.#phase === 'closing') {
      this.#closeBy ??= this.#clock.after(deadlineMs, () =>
        this.#endAll(`it was still running ${deadlineMs} ms after the pool was closed`),
      );
      this.#closeWhenDone();
    }
    return closed;
  }

  /** Ends every request and process at once. Repeatable. */
  destroy(): Promise<void> {
    const closed = this.#beginClosing();
    this.#endAll('the pool was ended');
    return closed;
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
      lastReload: this.#lastReload,
      nowMs: this.#clock.now(),
    });
  }

  /** See RosterOwner. */
  laneFreed(): void {
    this.#dispatch();
  }

  /** See RosterOwner. */
  crewReady(crew: Crew): void {
    if (crew.generation === this.#takeover?.next && this.#takeover.isReady) this.#takeOver(this.#takeover);
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
    if (crew.generation === this.#takeover?.next) {
      this.#takeover.lost(crew);
      this.#takeover = null;
    }
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
    this.#finishClosing();
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
    const isServing = this.#phase === 'open' || (this.#phase === 'closing' && this.#ledger.waiting > 0);
    if (!isServing) return;
    this.#staffing.govern(this.#current, refused);
    if (this.#current.startingLanes > 0) this.#deadlines.watch();
  }

  async #reload(program: Program, limits: PoolLimits): Promise<void> {
    if (this.#phase !== 'open') throw closingError(this.name);
    const beganMs = this.#clock.now();
    this.#lastNumber += 1;
    const takeover = new Takeover(new Generation(this.#lastNumber, program, limits));
    const { next, done } = takeover;
    this.#takeover = takeover;
    const workers = takeover.wantedWorkers(this.#current.lanes);
    for (let count = 0; count < workers; count += 1) this.#staffing.start(next);
    this.#deadlines.watch();
    try {
      await done;
      const tookMs = Math.round(this.#clock.now() - beganMs);
      this.#lastReload = `generation ${next.number} took over after ${tookMs} ms`;
      this.#log.info({ pool: this.name, generation: next.number }, `pool ${this.name} reloaded: ${this.#lastReload}`);
    } catch (error) {
      this.#lastReload = `failed: ${(error as Error).message}`;
      this.#log.error(
        { pool: this.name, generation: next.number },
        `pool ${this.name} not reloaded: ${(error as Error).message}`,
      );
      this.#retireGeneration(next, 'reload', this.#clock.now());
      throw error;
    }
  }

  /** All that a reload has started is ready: it takes over, at this moment. */
  #takeOver(takeover: Takeover): void {
    const old = this.#current;
    this.#takeover = null;
    this.#current = takeover.next;
    for (const crew of takeover.next.crews) this.#roster.admit(crew);
    this.#retireGeneration(old, 'reload', this.#clock.now() + old.limits.stopTimeoutMs);
    this.#govern();
    this.#health.report(this.#current, false, this.#clock.now());
    takeover.succeed();
  }

  #retireGeneration(generation: Generation, reason: StopReason, drainUntilMs: number): void {
    const { stopTimeoutMs } = generation.limits;
    for (const crew of [...generation.crews]) {
      this.#roster.retire(crew, { reason, drainUntilMs, graceMs: stopTimeoutMs, signal: 'SIGTERM' });
    }
  }

  #beginClosing(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#whenClosed = resolve;
      // Our timers let the process end, and it must not before its children have.
      this.#keepAlive = setInterval(() => {}, 60_000);
    });
    if (this.#phase === 'new' || this.#phase === 'open') {
      const error = closingError(this.name);
      this.#phase = 'closing';
      this.#starting?.reject(error);
      this.#takeover?.fail(error);
      this.#takeover = null;
    }
    return this.#closed;
  }

  /** While it closes: what waits is still served; when nothing waits, processes end as they finish. */
  #closeWhenDone(): void {
    if (this.#phase !== 'closing' || this.#ledger.waiting > 0) return;
    this.#phase = 'closed';
    for (const crew of [...this.#roster.crews]) this.#shutDown(crew, Number.POSITIVE_INFINITY);
    this.#finishClosing();
  }

  #shutDown(crew: Crew, drainUntilMs: number): void {
    const { stopTimeoutMs } = crew.generation.limits;
    this.#roster.retire(crew, { reason: 'shutdown', drainUntilMs, graceMs: stopTimeoutMs, signal: 'SIGTERM' });
  }

  #endAll(why: string): void {
    this.#phase = 'closed';
    this.#ledger.refuseAll(closingError(this.name));
    for (const crew of [...this.#roster.crews]) {
      this.#shutDown(crew, this.#clock.now());
      this.#deadlines.expireCrew(crew, why);
      crew.worker.kill();
    }
    this.#finishClosing();
  }

  #finishClosing(): void {
    if (this.#phase !== 'closed' || this.#roster.size > 0) return;
    this.#deadlines.stop();
    this.#staffing.stop();
    this.#sweep?.cancel();
    this.#closeBy?.cancel();
    if (this.#keepAlive) clearInterval(this.#keepAlive);
    this.#hiring?.close();
    this.#whenClosed?.();
  }
}

/** A promise that is open. */
interface Waiting {
  resolve(): void;
  reject(error: PosternError): void;
}

/** What `verify.ts` looks at. */
export interface PoolInner {
  readonly board: Scoreboard;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly current: Generation;
  readonly isClosing: boolean;
  /** When the governor decides again; null: nothing is held back. */
  readonly heldUntilMs: number | null;
}
