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
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Lane, LaneOutcome } from '../worker/lane.ts';
import type { Program } from '../worker/program.ts';
import type { StopReason } from '../worker/state.ts';
import { fateOf } from './fate.ts';
import { type Crew, Generation } from './generation.ts';
import { decide } from './governor.ts';
import { Hiring } from './hiring.ts';
import type { PoolLimits } from './limits.ts';
import { Roster, type RosterOptions, type RosterOwner } from './roster.ts';
import { Scoreboard } from './scoreboard.ts';
import type { PoolSnapshot } from './snapshot.ts';
import { takeSnapshot } from './take-snapshot.ts';
import type { Ticket } from './ticket.ts';
import { WaitList } from './wait-list.ts';

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

/** How often deadlines are looked at while something runs or waits. */
const tickMs = 100;
const sweepMs = 1_000;
/** A worker that has not answered its probe after so long is hung. */
const startTimeoutMs = 30_000;

type Phase = 'new' | 'open' | 'closing' | 'closed';

export class Pool implements RosterOwner {
  readonly name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #board = new Scoreboard();
  readonly #roster: Roster;
  readonly #hiring: Hiring | null;
  readonly #waiting = new WaitList<Ticket>();
  /** By slot: the request that a lane runs. */
  readonly #tickets: (Ticket | null)[] = [];
  readonly #startedAtMs: number;
  #phase: Phase = 'new';
  #current: Generation;
  /** The generation that a reload is starting. */
  #next: Generation | null = null;
  #lastNumber = 1;
  #isDispatching = false;
  #tick: Timer | null = null;
  #sweep: Timer | null = null;
  #wake: Timer | null = null;
  #wakeAtMs = 0;
  #closeBy: Timer | null = null;
  #keepAlive: NodeJS.Timeout | null = null;
  #health: 'ready' | 'failing' | 'refusing' = 'ready';
  #lastReload: string | null = null;
  #starting: Waiting | null = null;
  #reloading: Waiting | null = null;
  #reloads: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;
  #whenClosed: (() => void) | null = null;

  constructor({ program, limits, directory, clock = systemClock, log = silentLog, hire }: PoolOptions) {
    this.name = program.name;
    this.#clock = clock;
    this.#log = log;
    this.#startedAtMs = clock.wall();
    this.#current = new Generation(1, program, limits);
    this.#hiring = hire ? null : new Hiring({ directory, clock, log });
    this.#roster = new Roster({
      board: this.#board,
      clock,
      log,
      owner: this,
      hire: hire ?? ((generation, events) => this.#hiring!.hire(generation.program, events)),
    });
  }

  /** For `verify.ts` alone. */
  get inner(): PoolInner {
    return {
      board: this.#board,
      roster: this.#roster,
      waiting: this.#waiting,
      tickets: this.#tickets,
      current: this.#current,
      isClosing: this.#phase !== 'open',
      heldUntilMs: this.#wake === null ? null : this.#wakeAtMs,
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
    this.#board.add('accepted', 1);
    if (this.#phase !== 'open') {
      this.#refuse(ticket, new PosternError('POOL_CLOSING', `pool ${this.name} is closing`));
      return;
    }
    const lane = this.#roster.take();
    if (lane !== undefined) {
      this.#assign(ticket, lane, 0);
      return;
    }
    const { queue, queueTimeoutMs } = this.#current.limits;
    if (this.#waiting.length >= queue || queueTimeoutMs === 0) {
      this.#refuse(ticket, this.#fullError());
      this.#govern(1);
      return;
    }
    if (this.#waiting.length === 0 && this.#current.lanes >= this.#current.limits.workers) {
      this.#board.add('maxWorkersReached', 1);
    }
    this.#wait(ticket);
    this.#govern();
  }

  /** Takes back a ticket that waits. @returns false when it does not wait (any more) */
  cancel(ticket: Ticket): boolean {
    if (!this.#waiting.remove(ticket)) return false;
    this.#board.add('waiting', -1);
    this.#board.add('aborted', 1);
    return true;
  }

  /** The lane's request has ended. */
  release(lane: Lane, outcome: LaneOutcome): void {
    if (!this.#leave(lane)) return;
    this.#board.add(outcome.code === null && !outcome.isAborted ? 'finished' : 'aborted', 1);
    this.#free(lane, outcome);
    this.#closeWhenDone();
  }

  /** The lane's request has failed in a way that allows it to be sent again: its ticket is granted another lane, before all who wait. */
  retry(lane: Lane, outcome: LaneOutcome): void {
    const ticket = this.#leave(lane);
    if (!ticket) return;
    this.#board.add('retried', 1);
    if (this.#phase === 'closed') {
      this.#refuse(ticket, new PosternError('POOL_CLOSING', `pool ${this.name} is closing`));
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
    if (crew.generation === this.#next) {
      this.#takeOverWhenReady();
      return;
    }
    if (crew.generation !== this.#current) return;
    this.#roster.admit(crew);
    this.#starting?.resolve();
    this.#starting = null;
    this.#report(false);
  }

  /** See RosterOwner. */
  crewExited(crew: Crew): void {
    if (crew.generation === this.#next) {
      this.#reloading?.reject(launchError(crew, 'the new workers did not start, the old ones go on'));
      return;
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
    const nowMs = this.#clock.now();
    this.#board.add('running', 1);
    this.#board.raise('maxRunning', this.#board.counter('running'));
    this.#board.begin(lane.slot, ticket, waitedMs, nowMs, nowMs + this.#current.limits.requestTimeoutMs);
    this.#tickets[lane.slot] = ticket;
    this.#startTick();
    ticket.granted(lane, waitedMs);
  }

  #wait(ticket: Ticket, isFirst = false): void {
    const nowMs = this.#clock.now();
    ticket.waitingSinceMs = nowMs;
    ticket.waitUntilMs = nowMs + this.#current.limits.queueTimeoutMs;
    if (isFirst) this.#waiting.addFirst(ticket);
    else this.#waiting.add(ticket);
    this.#board.add('waiting', 1);
    this.#board.raise('maxWaiting', this.#waiting.length);
    this.#startTick();
  }

  #dispatch(): void {
    // A ticket may release its lane before granted() returns; the loop sees that lane, and the stack stays flat.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    for (let ticket = this.#waiting.first; ticket !== null; ticket = this.#waiting.first) {
      const lane = this.#roster.take();
      if (lane === undefined) break;
      this.#waiting.remove(ticket);
      this.#board.add('waiting', -1);
      this.#assign(ticket, lane, this.#clock.now() - ticket.waitingSinceMs);
    }
    this.#isDispatching = false;
  }

  /** The lane's ticket, which has it no more; null: it had none. */
  #leave(lane: Lane): Ticket | null {
    const ticket = this.#tickets[lane.slot] ?? null;
    if (ticket === null || this.#roster.lane(lane.slot) !== lane) return null;
    this.#tickets[lane.slot] = null;
    this.#board.add('running', -1);
    const { columns } = this.#board;
    columns.ranMs[lane.slot] = this.#clock.now() - columns.beganAtMs[lane.slot]!;
    return ticket;
  }

  #free(lane: Lane, outcome: LaneOutcome): void {
    this.#roster.free(lane, fateOf(outcome), this.#board.columns.deadlineMs[lane.slot]! - this.#clock.now());
  }

  #refuse(ticket: Ticket, error: PosternError): void {
    this.#board.add('refused', 1);
    ticket.refused(error);
  }

  /** Answers all who wait. */
  #refuseAll(error: PosternError): void {
    for (let ticket = this.#waiting.first; ticket !== null; ticket = this.#waiting.first) {
      this.#waiting.remove(ticket);
      this.#board.add('waiting', -1);
      this.#refuse(ticket, error);
    }
  }

  /** Asks the governor, and does what it says. @param refused requests that were refused just now, and would have waited */
  #govern(refused = 0): void {
    if (this.#phase !== 'open' && (this.#phase !== 'closing' || this.#waiting.length === 0)) return;
    const generation = this.#current;
    const { limits, program, score } = generation;
    // The usual case of a full pool costs no more than this.
    if (generation.lanes >= limits.workers && this.#wake === null) return;
    const nowMs = this.#clock.now();
    const decision = decide(
      {
        limits,
        lanesPerWorker: program.lanesPerWorker,
        lanes: generation.lanes,
        startingLanes: generation.startingLanes,
        workers: generation.crews.size,
        waiting: this.#waiting.length + refused,
        spawnBudget: score.budget(nowMs),
        spawnAllowedAtMs: score.allowedAtMs(nowMs),
        isResting: score.isResting(nowMs),
        isDoubted: score.isDoubted,
      },
      nowMs,
    );
    for (let count = 0; count < decision.start; count += 1) this.#startWorker(generation);
    this.#setWake(decision.wakeAtMs, nowMs);
    this.#report(decision.refuse);
    if (decision.refuse) this.#refuseAll(this.#restingError(nowMs));
  }

  #startWorker(generation: Generation): void {
    const { program, limits } = generation;
    const lanes = Math.max(1, Math.min(program.lanesPerWorker, limits.workers - generation.lanes));
    this.#roster.start(generation, lanes, startTimeoutMs);
    this.#startTick();
  }

  #setWake(atMs: number | null, nowMs: number): void {
    this.#wake?.cancel();
    this.#wake = null;
    if (atMs === null || atMs === Number.POSITIVE_INFINITY) return;
    this.#wakeAtMs = atMs;
    this.#wake = this.#clock.after(atMs - nowMs, () => {
      this.#wake = null;
      this.#govern();
    });
  }

  /** One line for each change of the program's health. */
  #report(isRefusing: boolean): void {
    const { score, program, number: generation } = this.#current;
    const health = isRefusing
      ? 'refusing'
      : score.isDoubted
        ? this.#health === 'ready'
          ? 'failing'
          : this.#health
        : 'ready';
    if (health === this.#health) return;
    this.#health = health;
    const nowMs = this.#clock.now();
    const fields = { pool: this.name, generation };
    if (health === 'ready') this.#log.info(fields, `pool ${this.name}: ${program.command[0]} works again`);
    else if (health === 'failing')
      this.#log.warn(fields, `pool ${this.name}: ${program.command[0]} does not start: ${score.reason(nowMs)}`);
    else this.#log.error(fields, `pool ${this.name} answers 503: ${score.describe(nowMs)}`);
  }

  #startTick(): void {
    this.#tick ??= this.#clock.every(tickMs, () => this.#onTick());
  }

  #onTick(): void {
    const nowMs = this.#clock.now();
    for (
      let ticket = this.#waiting.first;
      ticket !== null && ticket.waitUntilMs <= nowMs;
      ticket = this.#waiting.first
    ) {
      this.#waiting.remove(ticket);
      this.#board.add('waiting', -1);
      this.#refuse(ticket, this.#tooLateError(nowMs - ticket.waitingSinceMs));
    }
    for (let slot = 0; slot < this.#board.slots; slot += 1) this.#tickLane(slot, nowMs);
    for (const crew of this.#roster.crews) this.#tickCrew(crew, nowMs);
    this.#closeWhenDone();
    if (this.#waiting.length > 0 || this.#board.counter('running') > 0 || this.#board.count('starting') > 0) return;
    this.#tick?.cancel();
    this.#tick = null;
  }

  #tickLane(slot: number, nowMs: number): void {
    const ticket = this.#tickets[slot];
    if (!ticket) return;
    if (nowMs < this.#board.columns.deadlineMs[slot]!) {
      ticket.tick(nowMs);
      return;
    }
    const ranMs = Math.round(nowMs - this.#board.columns.beganAtMs[slot]!);
    const pid = this.#board.columns.pid[slot]!;
    this.#log.warn(
      { pool: this.name, pid, signal: 'SIGKILL', method: ticket.method, url: ticket.url, durationMs: ranMs },
      `process ${pid} is killed with SIGKILL: ${ticket.method} ${ticket.url} ran for ${ranMs} ms (requestTimeout)`,
    );
    this.#expire(
      slot,
      new PosternError(
        'ANSWER_TIMEOUT',
        `no complete answer within ${ranMs} ms: raise requestTimeout, or mend the program`,
      ),
    );
  }

  #tickCrew(crew: Crew, nowMs: number): void {
    const { retirement, worker } = crew;
    if (retirement === null) {
      if (worker.isReady || nowMs < crew.startByMs) return;
      this.#log.warn(
        { pool: this.name, pid: worker.pid },
        `worker ${worker.pid} did not answer within ${startTimeoutMs} ms of its start: it is killed`,
      );
      worker.kill();
    } else if (nowMs >= retirement.drainUntilMs) {
      this.#expireCrew(crew, 'it was still running at the end of stopTimeout');
    }
  }

  /** Ends what a retiring crew still runs. */
  #expireCrew(crew: Crew, why: string): void {
    const reason = crew.retirement?.reason ?? 'shutdown';
    for (const { slot } of [...crew.lanes]) {
      const ticket = this.#tickets[slot];
      if (!ticket) continue;
      const pid = this.#board.columns.pid[slot]!;
      this.#log.warn(
        { pool: this.name, pid, signal: 'SIGKILL', method: ticket.method, url: ticket.url, reason },
        `process ${pid} is killed with SIGKILL (${reason}): ${ticket.method} ${ticket.url}, ${why}`,
      );
      this.#expire(slot, new PosternError('CONNECTION_LOST', `the process was ended (${reason}): ${why}`));
    }
  }

  /** Takes the lane from a request whose time is over. */
  #expire(slot: number, error: PosternError): void {
    const lane = this.#roster.lane(slot);
    const ticket = lane && this.#leave(lane);
    if (!ticket) return;
    this.#board.add('aborted', 1);
    ticket.expired(error);
    this.#free(lane, { code: 'ANSWER_TIMEOUT', isDone: false, isAborted: false });
  }

  async #reload(program: Program, limits: PoolLimits): Promise<void> {
    if (this.#phase !== 'open') throw new PosternError('POOL_CLOSING', `pool ${this.name} is not open`);
    const beganMs = this.#clock.now();
    this.#lastNumber += 1;
    const next = new Generation(this.#lastNumber, program, limits);
    this.#next = next;
    const lanes = Math.min(limits.workers, Math.max(1, limits.minWorkers, this.#current.lanes));
    const workers = Math.max(1, Math.floor(lanes / program.lanesPerWorker));
    try {
      await new Promise<void>((resolve, reject) => {
        this.#reloading = { resolve, reject };
        for (let count = 0; count < workers && next.score.budget(beganMs) > 0; count += 1) this.#startWorker(next);
      });
      const tookMs = Math.round(this.#clock.now() - beganMs);
      this.#lastReload = `generation ${next.number} took over after ${tookMs} ms`;
      this.#log.info({ pool: this.name, generation: next.number }, `pool ${this.name} reloaded: ${this.#lastReload}`);
    } catch (error) {
      this.#lastReload = `failed: ${(error as Error).message}`;
      this.#retireGeneration(next, 'reload', this.#clock.now());
      throw error;
    } finally {
      this.#next = null;
      this.#reloading = null;
    }
  }

  /** All that a reload has started is ready: it takes over, at this moment. */
  #takeOverWhenReady(): void {
    const next = this.#next;
    if (next === null || [...next.crews].some((crew) => !crew.worker.isReady)) return;
    const old = this.#current;
    this.#current = next;
    this.#next = null;
    for (const crew of next.crews) this.#roster.admit(crew);
    this.#retireGeneration(old, 'reload', this.#clock.now() + old.limits.stopTimeoutMs);
    this.#report(false);
    this.#govern();
    this.#reloading?.resolve();
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
      const error = new PosternError('POOL_CLOSING', `pool ${this.name} is closing`);
      this.#phase = 'closing';
      this.#starting?.reject(error);
      this.#reloading?.reject(error);
    }
    return this.#closed;
  }

  /** While it closes: what waits is still served; when nothing waits, processes end as they finish. */
  #closeWhenDone(): void {
    if (this.#phase !== 'closing' || this.#waiting.length > 0) return;
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
    this.#refuseAll(new PosternError('POOL_CLOSING', `pool ${this.name} is closing`));
    for (const crew of [...this.#roster.crews]) {
      this.#shutDown(crew, this.#clock.now());
      this.#expireCrew(crew, why);
      crew.worker.kill();
    }
    this.#finishClosing();
  }

  #finishClosing(): void {
    if (this.#phase !== 'closed' || this.#roster.size > 0) return;
    for (const timer of [this.#tick, this.#sweep, this.#wake, this.#closeBy]) timer?.cancel();
    if (this.#keepAlive) clearInterval(this.#keepAlive);
    this.#hiring?.close();
    this.#whenClosed?.();
  }

  #fullError(): PosternError {
    const { workers, queue, queueTimeoutMs } = this.#current.limits;
    const busy = `${this.#board.count('busy')} of ${workers} busy`;
    const message =
      queue === 0 || queueTimeoutMs === 0
        ? `no lane is free (${busy}) and none may wait: raise workers, or queue and queueTimeout`
        : `${this.#waiting.length} requests wait already (${busy}): raise workers or queue`;
    return new PosternError('QUEUE_FULL', message, { fields: { retryAfterS: 1 } });
  }

  #tooLateError(waitedMs: number): PosternError {
    const { workers } = this.#current.limits;
    const busy = `${this.#board.count('busy')} of ${workers} busy`;
    const message = `no lane became free within ${Math.round(waitedMs)} ms (${busy}): raise workers or queueTimeout`;
    return new PosternError('QUEUE_TIMEOUT', message, { fields: { retryAfterS: 1 } });
  }

  #restingError(nowMs: number): PosternError {
    const { score } = this.#current;
    const waitS = Math.ceil((score.allowedAtMs(nowMs) - nowMs) / 1000);
    const retryAfterS = Number.isFinite(waitS) ? Math.max(1, waitS) : 60;
    return new PosternError('POOL_RESTING', `no worker runs, ${score.describe(nowMs)}`, { fields: { retryAfterS } });
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
  readonly waiting: WaitList<Ticket>;
  readonly tickets: readonly (Ticket | null | undefined)[];
  readonly current: Generation;
  readonly isClosing: boolean;
  /** When the governor decides again; null: nothing is held back. */
  readonly heldUntilMs: number | null;
}

function launchError(crew: Crew, consequence: string): PosternError {
  const { command } = crew.generation.program;
  const { ending } = crew.worker;
  const words = ending.startsWith(command[0]!) ? ending : `${command[0]} ended at its start (${ending})`;
  return new PosternError('LAUNCH_FAILED', `${words}: ${consequence}`);
}
