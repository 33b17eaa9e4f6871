// The desk of a pool, where requests meet lanes: who is given one at once, who waits and who is refused, and what becomes of a lane given back.

import type { Clock } from '../clock.ts';
import type { ErrorCode, PosternError } from '../errors.ts';
import type { Lane, LaneOutcome } from '../worker/lane.ts';
import type { Closing } from './closing.ts';
import type { Congestion } from './congestion.ts';
import type { Deadlines } from './deadlines.ts';
import { fateOf } from './fate.ts';
import type { Generation } from './generation.ts';
import type { Ledger } from './ledger.ts';
import { closingError, fullError, tooLateError } from './refusals.ts';
import type { Roster } from './roster.ts';
import type { Scoreboard } from './scoreboard.ts';
import type { Staffing } from './staffing.ts';
import type { Ticket } from './ticket.ts';

/** What it works with. */
export interface DeskOptions {
  /** The pool's name. */
  readonly name: string;
  readonly board: Scoreboard;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly congestion: Congestion;
  readonly staffing: Staffing;
  readonly deadlines: Deadlines;
  readonly closing: Closing;
  readonly clock: Clock;
}

export class Desk {
  /** Whose lanes are given out; a reload changes it. */
  generation: Generation;
  readonly #name: string;
  readonly #board: Scoreboard;
  readonly #roster: Roster;
  readonly #ledger: Ledger;
  readonly #congestion: Congestion;
  readonly #staffing: Staffing;
  readonly #deadlines: Deadlines;
  readonly #closing: Closing;
  readonly #clock: Clock;
  #isDispatching = false;

  constructor(generation: Generation, options: DeskOptions) {
    this.generation = generation;
    this.#name = options.name;
    this.#board = options.board;
    this.#roster = options.roster;
    this.#ledger = options.ledger;
    this.#congestion = options.congestion;
    this.#staffing = options.staffing;
    this.#deadlines = options.deadlines;
    this.#closing = options.closing;
    this.#clock = options.clock;
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
      this.#ledger.refuse(ticket, closingError(this.#name));
      return;
    }
    const lane = this.#roster.lanes.take();
    if (lane !== undefined) {
      this.#assign(ticket, lane, 0);
      return;
    }
    const { limits, lanes } = this.generation;
    if (this.#ledger.waiting >= limits.queue || limits.queueTimeoutMs === 0) {
      this.#refuse(ticket, fullError(limits, this.#ledger.waiting, this.#board.count('busy')));
      this.govern(1);
      return;
    }
    if (this.#ledger.waiting === 0 && lanes >= limits.workers) this.#board.add('maxWorkersReached', 1);
    this.#wait(ticket, false);
    this.govern();
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
    this.#ledger.close(outcome.isAborted ? 'aborted' : outcome.code === null ? 'finished' : 'failed');
    this.#free(lane, outcome);
    this.#closing.endWhenServed();
  }

  /** The lane's request has failed in a way that allows it to be sent again: its ticket is granted another lane, before all who wait. */
  retry(lane: Lane, outcome: LaneOutcome): void {
    const ticket = this.#leave(lane);
    if (!ticket) return;
    this.#ledger.close('retried');
    if (this.#closing.phase === 'ending') {
      this.#ledger.refuse(ticket, closingError(this.#name));
      this.#free(lane, outcome);
      return;
    }
    this.#wait(ticket, true);
    this.#free(lane, outcome, 'the request is run again, by another');
    this.dispatch();
    this.govern();
  }

  /** Whether the pool's log tells of it when a request fails so: a process ended under it. */
  tells(lane: Lane, code: ErrorCode): boolean {
    return fateOf({ code, isDone: false, isAborted: false }) === 'lost' && this.#roster.runnerOf(lane) !== 0;
  }

  /** A ticket waited too long; it is out of the queue. */
  late(ticket: Ticket, waitedMs: number): void {
    this.#refuse(ticket, tooLateError(this.generation.limits, waitedMs, this.#board.count('busy')));
  }

  /** The lane's request ran too long; it was taken from it. */
  expired(lane: Lane): void {
    this.#free(lane, { code: 'ANSWER_TIMEOUT', isDone: false, isAborted: false });
  }

  /** Gives the lanes that are free to those who wait. */
  dispatch(): void {
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

  /**
   * Has the governor decide, while there are requests to decide for.
   * @param refused those that were refused just now, and would have waited
   */
  govern(refused = 0): void {
    const { phase } = this.#closing;
    const isServing = phase === 'open' || (phase === 'closing' && this.#ledger.waiting > 0);
    if (!isServing) return;
    this.#staffing.govern(this.generation, refused);
    if (this.generation.startingLanes > 0) this.#deadlines.watch();
  }

  #assign(ticket: Ticket, lane: Lane, waitedMs: number): void {
    this.#deadlines.watch();
    this.#ledger.run(ticket, lane, waitedMs, this.generation.limits.requestTimeoutMs);
  }

  #wait(ticket: Ticket, isFirst: boolean): void {
    this.#deadlines.watch();
    this.#ledger.wait(ticket, this.generation.limits.queueTimeoutMs, isFirst);
  }

  /** Refuses for lack of lanes. */
  #refuse(ticket: Ticket, error: PosternError): void {
    this.#congestion.note(error);
    this.#ledger.refuse(ticket, error);
  }

  /** The request of a lane leaves it; null: it had none, or lost it before. */
  #leave(lane: Lane): Ticket | null {
    return this.#roster.lanes.lane(lane.slot) === lane ? this.#ledger.leave(lane.slot) : null;
  }

  #free(lane: Lane, outcome: LaneOutcome, then = 'the request failed'): void {
    const fate = fateOf(outcome);
    this.#roster.free(lane, fate, this.#board.columns.deadlineMs[lane.slot]! - this.#clock.now(), then);
    // Its process may take a while to leave: whoever waits is not to wait for that.
    if (fate !== 'keep' && this.#ledger.waiting > 0) this.govern();
  }
}
