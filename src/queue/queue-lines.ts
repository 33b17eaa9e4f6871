// Those that wait in a queue and those that run, in their order; how many do in all threads of the pool; and the one coarse tick that finds whose time
// is over, in place of a timer for each request.

import type { Clock, Timer } from '../clock.ts';
import type { Attempt, TimeLimit } from './attempt.ts';
import { type Counters, counter } from './queue-books.ts';

/** Attempts in their order. The list links them through themselves, so that waiting allocates nothing and leaving costs the same anywhere. */
export class AttemptList {
  #first: Attempt | null = null;
  #last: Attempt | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The one that came first; null when there is none. */
  get first(): Attempt | null {
    return this.#first;
  }

  has(member: Attempt): boolean {
    return member.list === this;
  }

  add(member: Attempt): void {
    member.list = this;
    member.next = null;
    member.previous = this.#last;
    if (this.#last === null) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
    this.#length += 1;
  }

  /** Before all others: one that had its turn, and lost its seat to no fault of its own. */
  addFirst(member: Attempt): void {
    member.list = this;
    member.previous = null;
    member.next = this.#first;
    if (this.#first === null) this.#last = member;
    else this.#first.previous = member;
    this.#first = member;
    this.#length += 1;
  }

  /** Takes one out, wherever it stands. @returns false when it was not in this list */
  remove(member: Attempt): boolean {
    if (member.list !== this) return false;
    const { previous, next } = member;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    member.next = null;
    member.previous = null;
    member.list = null;
    this.#length -= 1;
    return true;
  }
}

/**
 * What the queue of one thread tells those of the others, and knows of them: a pool with several threads has one waiting room. All of it is
 * what somebody had written a moment ago.
 */
export interface SharedRoom {
  /** Asked with each request: whether there is no other thread now. */
  readonly others: { readonly isAlone: boolean };
  /**
   * How many wait here, and since when the one does that has waited longest. Told before the provider is asked once more for a seat: whoever
   * gives one back elsewhere at this moment either sees it, or has the seat that is found then.
   */
  note(waiting: number, oldestMs: number): void;
  /** How many wait in the other threads. */
  readonly waitingElsewhere: number;
  /** For how many of those that wait, in whichever thread, a seat is on its way: they do not wait for want of one. To be asked after the others. */
  readonly coming: number;
  /** How many run in the other threads. */
  readonly runningElsewhere: number;
}

/** How often a place is tried to be had, where others try at the same moment. */
const mostTries = 16;

/** A queue that has its waiting room for itself. */
export const ownRoom: SharedRoom = {
  others: { isAlone: true },
  note() {},
  waitingElsewhere: 0,
  coming: 0,
  runningElsewhere: 0,
};

export class WaitingLine {
  readonly list = new AttemptList();
  readonly #room: SharedRoom;
  readonly #counters: Counters;

  constructor(room: SharedRoom, counters: Counters) {
    this.#room = room;
    this.#counters = counters;
  }

  get length(): number {
    return this.list.length;
  }

  get first(): Attempt | null {
    return this.list.first;
  }

  /** When the first of them began to wait, with what it has waited before; null: none does. */
  get sinceMs(): number | null {
    const { first } = this.list;
    return first === null ? null : first.waitingSinceMs - first.waitedMs;
  }

  /** How many wait in all threads. */
  get inAll(): number {
    return this.list.length + this.#room.waitingElsewhere;
  }

  /** Before all others: it had its turn. */
  addFirst(attempt: Attempt): void {
    this.list.addFirst(attempt);
    this.#counters.add(counter.waiting, 1);
    this.#note();
    this.#counters.raise(counter.maxWaiting, this.inAll);
  }

  /** Behind all others: a seat is on its way to it, so that it takes no place of those that wait for want of one. */
  addComing(attempt: Attempt): void {
    this.list.add(attempt);
    this.#counters.add(counter.waiting, 1);
    this.#note();
  }

  /**
   * Behind all others, unless so many wait already for want of a seat, in whichever thread: written first and counted then, so that of two which
   * come at once for the last place one sees that it is one too many. Where both see it, both try again.
   */
  enter(attempt: Attempt, most: number): boolean {
    for (let tries = 0; tries < mostTries && this.#wanting(most - 1) < most; tries += 1) {
      this.list.add(attempt);
      this.#note();
      const wanting = this.#wanting(most);
      if (wanting <= most) {
        this.#counters.add(counter.waiting, 1);
        this.#counters.raise(counter.maxWaiting, wanting);
        return true;
      }
      this.list.remove(attempt);
      this.#note();
    }
    return false;
  }

  /** Nothing, where it does not wait. */
  remove(attempt: Attempt): void {
    if (!this.list.remove(attempt)) return;
    this.#counters.add(counter.waiting, -1);
    this.#note();
  }

  /** How many wait for want of a seat in all threads; where no more than `most` wait at all, so many. */
  #wanting(most: number): number {
    const { inAll } = this;
    return inAll <= most ? inAll : Math.max(0, inAll - this.#room.coming);
  }

  #note(): void {
    this.#room.note(this.list.length, this.sinceMs ?? 0);
  }
}

export class RunningLine {
  readonly list = new AttemptList();
  readonly #room: SharedRoom;
  readonly #counters: Counters;

  constructor(room: SharedRoom, counters: Counters) {
    this.#room = room;
    this.#counters = counters;
  }

  get length(): number {
    return this.list.length;
  }

  get first(): Attempt | null {
    return this.list.first;
  }

  /** How many run in all threads. */
  get inAll(): number {
    const { length } = this.list;
    return this.#room.others.isAlone ? length : length + this.#room.runningElsewhere;
  }

  /** @param seats that there are: what others run is read one after another, and a seat that changes threads meanwhile would count twice */
  add(attempt: Attempt, seats: number): void {
    this.list.add(attempt);
    this.#counters.add(counter.running, 1);
    this.#counters.raise(counter.maxRunning, Math.max(this.list.length, Math.min(this.inAll, seats)));
  }

  /** It has no seat any more; what it counts as then is the caller's to say. Nothing, where it had none. */
  remove(attempt: Attempt): void {
    if (this.list.remove(attempt)) this.#counters.add(counter.running, -1);
  }
}

/** What deadlines are looked for in, and who hears of them. */
export interface DeadlinesOptions {
  readonly clock: Clock;
  readonly waiting: AttemptList;
  readonly running: AttemptList;
  /** It has waited too long. */
  readonly onLate: (attempt: Attempt, nowMs: number) => void;
  /** It has run too long, or was silent for too long. */
  readonly onLimit: (attempt: Attempt, limit: TimeLimit, nowMs: number) => void;
  /** It runs, and no limit of it is reached. */
  readonly onRan: (attempt: Attempt) => void;
  /** At the end of each tick. */
  readonly onTick: () => void;
}

const tickMs = 100;

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #timer: Timer | null = null;
  #tickedAtMs = 0;
  /** The longest that a request was silent before it was answered. */
  #usualMs = 0;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** There is something to look for from now on. */
  watch(nowMs: number): void {
    if (this.#timer !== null) return;
    this.#tickedAtMs = nowMs;
    this.#timer = this.#options.clock.every(tickMs, () => this.#tick());
  }

  /** A request has ended: one that was answered shows how long the program may be silent at work. */
  ended({ hasHead, silentMs }: Attempt): void {
    if (hasHead && silentMs > this.#usualMs) this.#usualMs = silentMs;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #tick(): void {
    const { clock, waiting, running, onLimit, onRan, onTick } = this.#options;
    const nowMs = clock.now();
    const periodMs = nowMs - this.#tickedAtMs;
    this.#tickedAtMs = nowMs;
    this.#tickWaiting(nowMs);
    for (let attempt = running.first; attempt !== null; ) {
      const { next } = attempt;
      const limit = attempt.tick(nowMs, periodMs);
      if (limit !== null) {
        onLimit(attempt, limit, nowMs);
      } else {
        onRan(attempt);
        attempt.lookForSilence(nowMs, this.#usualMs);
      }
      // Whoever was told of it may have ended others: the rest is looked at by the next tick.
      attempt = next !== null && running.has(next) ? next : null;
    }
    onTick();
    if (waiting.length === 0 && running.length === 0) this.stop();
  }

  #tickWaiting(nowMs: number): void {
    const { waiting, onLate } = this.#options;
    for (let attempt = waiting.first; attempt !== null; ) {
      const { next } = attempt;
      const isLate = attempt.waitUntilMs <= nowMs;
      // Those that run again stand first, and may wait longer than those behind them.
      if (!isLate && attempt.attempts === 0) return;
      if (isLate) onLate(attempt, nowMs);
      attempt = next !== null && waiting.has(next) ? next : null;
    }
  }
}
