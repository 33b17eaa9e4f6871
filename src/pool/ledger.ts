// The requests of a pool: who waits, who runs on which lane, and the counters that always add up.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Lane } from '../worker/lane.ts';
import type { Scoreboard } from './scoreboard.ts';
import type { Ticket } from './ticket.ts';
import { WaitList } from './wait-list.ts';

export class Ledger {
  readonly #board: Scoreboard;
  readonly #clock: Clock;
  readonly #waiting = new WaitList<Ticket>();
  /** By slot: the request that a lane runs. */
  readonly #running: (Ticket | null)[] = [];

  constructor(board: Scoreboard, clock: Clock) {
    this.#board = board;
    this.#clock = clock;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The one that has waited longest. */
  get first(): Ticket | null {
    return this.#waiting.first;
  }

  /** The request on a slot; null: none. */
  on(slot: number): Ticket | null {
    return this.#running[slot] ?? null;
  }

  /** A new request; it must then wait, run or be refused. */
  accept(): void {
    this.#board.add('accepted', 1);
  }

  refuse(ticket: Ticket, error: PosternError): void {
    this.#board.add('refused', 1);
    ticket.refused(error, ticket.waitingSinceMs === 0 ? 0 : this.#clock.now() - ticket.waitingSinceMs);
  }

  /** @param isFirst before all who wait */
  wait(ticket: Ticket, timeoutMs: number, isFirst: boolean): void {
    ticket.waitingSinceMs = this.#clock.now();
    ticket.waitUntilMs = ticket.waitingSinceMs + timeoutMs;
    if (isFirst) this.#waiting.addFirst(ticket);
    else this.#waiting.add(ticket);
    this.#board.add('waiting', 1);
    this.#board.raise('maxWaiting', this.#waiting.length);
  }

  /** Takes one out of the queue. @returns false when it does not wait */
  unwait(ticket: Ticket): boolean {
    if (!this.#waiting.remove(ticket)) return false;
    this.#board.add('waiting', -1);
    return true;
  }

  /** Answers all who wait. */
  refuseAll(error: PosternError): void {
    for (let ticket = this.first; ticket !== null; ticket = this.first) {
      this.unwait(ticket);
      this.refuse(ticket, error);
    }
  }

  /** A request takes a lane. The order of deadlines is that of the queue but for a while after a reload that changed them. */
  run(ticket: Ticket, lane: Lane, waitedMs: number, timeoutMs: number): void {
    const nowMs = this.#clock.now();
    this.#running[lane.slot] = ticket;
    ticket.waitingSinceMs = 0;
    this.#board.add('running', 1);
    this.#board.raise('maxRunning', this.#board.counter('running'));
    this.#board.begin(lane.slot, ticket, waitedMs, nowMs, nowMs + timeoutMs);
    ticket.granted(lane, waitedMs);
  }

  /** A request leaves its lane; what it counts as then is the caller's to say. @returns null when there was none */
  leave(slot: number): Ticket | null {
    const ticket = this.#running[slot] ?? null;
    if (ticket === null) return null;
    this.#running[slot] = null;
    const { columns } = this.#board;
    columns.ranMs[slot] = this.#clock.now() - columns.beganAtMs[slot]!;
    this.#board.add('running', -1);
    return ticket;
  }

  /** How a request that left its lane, or the queue, is counted. */
  close(as: 'finished' | 'failed' | 'aborted' | 'retried'): void {
    this.#board.add(as, 1);
    if (as === 'failed') this.#board.add('aborted', 1);
  }
}
