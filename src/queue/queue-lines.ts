// Those that wait in a queue and those that run, in their order; how many do in all threads of the pool.

import type { Attempt } from './attempt.ts';
import { AttemptList } from './attempt-list.ts';
import type { Counters } from './counters.ts';

/**
 * What the queue of one thread tells those of the others, and knows of them: a pool with several threads has one waiting room. All of it is
 * what somebody had written a moment ago: limits hold for all threads, but two requests that come at the very same moment may both find the
 * last place.
 */
export interface SharedRoom {
  /**
   * How many wait here, and since when the one does that has waited longest. Told before the provider is asked once more for a seat: whoever
   * gives one back elsewhere at this moment either sees it, or has the seat that is found then.
   */
  note(waiting: number, oldestMs: number): void;
  /** How many wait in the other threads. */
  readonly waitingElsewhere: number;
  /** How many run in the other threads. */
  readonly runningElsewhere: number;
}

/** A queue that has its waiting room for itself. */
export const ownRoom: SharedRoom = {
  note() {},
  waitingElsewhere: 0,
  runningElsewhere: 0,
};

export class WaitingLine {
  readonly list = new AttemptList<Attempt>();
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

  /** @param isFirst before all others: it had its turn */
  add(attempt: Attempt, isFirst: boolean): void {
    if (isFirst) this.list.addFirst(attempt);
    else this.list.add(attempt);
    this.#counters.add('waiting', 1);
    this.#note();
    this.#counters.raise('maxWaiting', this.inAll);
  }

  /** Nothing, where it does not wait. */
  remove(attempt: Attempt): void {
    if (!this.list.remove(attempt)) return;
    this.#counters.add('waiting', -1);
    this.#note();
  }

  #note(): void {
    this.#room.note(this.list.length, this.sinceMs ?? 0);
  }
}

export class RunningLine {
  readonly list = new AttemptList<Attempt>();
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
    return this.list.length + this.#room.runningElsewhere;
  }

  add(attempt: Attempt): void {
    this.list.add(attempt);
    this.#counters.add('running', 1);
    this.#counters.raise('maxRunning', this.inAll);
  }

  /** It has no seat any more; what it counts as then is the caller's to say. Nothing, where it had none. */
  remove(attempt: Attempt): void {
    if (this.list.remove(attempt)) this.#counters.add('running', -1);
  }
}
