// Every wait of a pool has an end: one tick over queue, lanes and workers looks for those that have come to theirs.

import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Lane } from '../worker/lane.ts';
import { type Crew, startTimeoutMs } from './generation.ts';
import type { Ledger } from './ledger.ts';
import type { Roster } from './roster.ts';
import type { Scoreboard } from './scoreboard.ts';

/** What deadlines are looked for in. */
export interface DeadlinesOptions {
  /** The pool's name. */
  readonly name: string;
  readonly board: Scoreboard;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  /** A request waited too long; it is out of the queue. */
  readonly onLate: (ticket: NonNullable<Ledger['first']>, waitedMs: number) => void;
  /** A lane's request was taken from it: its process is to be killed. */
  readonly onExpired: (lane: Lane) => void;
  /** At the end of each tick. */
  readonly onTick: () => void;
}

/** A coarse tick for all, while something runs or waits, in place of a timer for each request. */
const tickMs = 100;

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #timer: Timer | null = null;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** There is something to look for from now on. */
  watch(): void {
    this.#timer ??= this.#options.clock.every(tickMs, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Ends what a crew still runs, since the pool closes. */
  expireCrew(crew: Crew, why: string): void {
    const error = new PosternError('POOL_CLOSING', `the process was ended (shutdown): ${why}`, { isTold: true });
    for (const { slot } of [...crew.lanes]) this.#expire(slot, error, `shutdown: ${why}`);
  }

  #tick(): void {
    const { board, roster, ledger, clock, onTick } = this.#options;
    const nowMs = clock.now();
    this.#tickQueue(nowMs);
    for (let slot = 0; slot < board.slots; slot += 1) this.#tickLane(slot, nowMs);
    for (const crew of roster.crews) this.#tickCrew(crew, nowMs);
    onTick();
    if (ledger.waiting === 0 && board.counter('running') === 0 && board.count('starting') === 0) this.stop();
  }

  #tickQueue(nowMs: number): void {
    const { ledger, onLate } = this.#options;
    for (let ticket = ledger.first; ticket !== null && ticket.waitUntilMs <= nowMs; ticket = ledger.first) {
      ledger.unwait(ticket);
      onLate(ticket, nowMs - ticket.waitingSinceMs);
    }
  }

  #tickLane(slot: number, nowMs: number): void {
    const { board, ledger } = this.#options;
    const ticket = ledger.on(slot);
    if (ticket === null) return;
    if (nowMs < board.columns.deadlineMs[slot]!) {
      ticket.tick(nowMs);
      return;
    }
    const ranMs = Math.round(nowMs - board.columns.beganAtMs[slot]!);
    const message = `no complete answer within ${ranMs} ms: raise requestTimeout, or mend the program`;
    this.#expire(slot, new PosternError('ANSWER_TIMEOUT', message), 'requestTimeout');
  }

  #tickCrew(crew: Crew, nowMs: number): void {
    const { name, log } = this.#options;
    const { retirement, worker } = crew;
    if (retirement !== null || worker.isReady || nowMs < crew.startByMs) return;
    const { pid } = worker;
    log.warn(
      { pool: name, pid },
      `worker ${pid} did not answer within ${startTimeoutMs} ms of its start: it is killed`,
    );
    worker.kill();
    crew.startByMs = Number.POSITIVE_INFINITY;
  }

  /** Takes the lane from a request whose time is over. */
  #expire(slot: number, error: PosternError, why: string): void {
    const { name, board, roster, ledger, log, onExpired } = this.#options;
    const lane = roster.lanes.lane(slot);
    const ticket = ledger.leave(slot);
    if (lane === null || ticket === null) return;
    const { method, url } = ticket;
    const pid = board.columns.pid[slot]!;
    const durationMs = Math.round(board.columns.ranMs[slot]!);
    log.warn(
      { pool: name, pid, signal: 'SIGKILL', method, url, durationMs },
      `process ${pid} is killed with SIGKILL while it runs ${method} ${url}, after ${durationMs} ms (${why})`,
    );
    ledger.close('failed');
    ticket.expired(error);
    onExpired(lane);
  }
}
