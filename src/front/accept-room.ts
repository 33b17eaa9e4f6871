// Accepts no more connections than descriptors are left for: who comes beyond waits in the system's backlog, as with nginx.
//
//   limit of descriptors | what is open besides clients |             clients             | free |
//                                                       |<-------------- room ------------------>|   half of it, 512 at most, is kept
//
// 1. The kept part is for what a request needs, workers, files, the log and the control socket. It is never given to new connections.
// 2. What is free is shared out among the threads, each of which stops and starts its own listeners. A connection that goes gives its place back.
// 3. A thread without any connection takes one as long as a few are free: so something always goes on.
// 4. The limit is read again while connections come, and while none may: it can change at any time (prlimit).
// 5. It must never come to EMFILE: libuv accepts what waits then, and closes it.

import type { Server, Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { Accepting } from '../connection/accepting.ts';
import { type Log, silentLog } from '../log.ts';
import type { ClientCounts } from './client-counts.ts';
import type { ClientLimits } from './client-limits.ts';

/** What is known of the descriptors of this process. */
export interface Descriptors {
  /** How many there may be. Infinity: not known. */
  limit(): number;
  /** How many are free below a limit. */
  free(limit: number): number;
}

/** What a room is made with. */
export interface AcceptRoomOptions {
  readonly descriptors: Descriptors;
  readonly clients: ClientLimits;
  /** The limit is another one than before. */
  readonly onLimit: (limit: number) => void;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** Kept for others than clients at most. */
const mostKept = 512;
/** Where so few are left, they are counted often. */
const few = 1_024;
/** Free ones that a request may need, for the one connection of a thread that has none. */
const neededForOne = 4;
/** The limit is read again. */
const readMs = 100;
const countMs = 10;
const countFarMs = 5_000;
/** To count takes long where many are open: a twentieth of the time at most. */
const costFactor = 20;
const pausedMs = 250;
/** Idle connections that are closed at a time, where none has gone by itself. */
const idleClosed = 8;
const quietMs = 10_000;

/** How many are kept for others than clients. @param descriptors what both have together */
export function keptOf(descriptors: number): number {
  return Math.min(mostKept, Math.ceil(descriptors / 2));
}

/** How many of the free ones clients may have. @param open connections of clients */
export function leftForClients(free: number, open: number): number {
  return free - keptOf(free + open);
}

/** One of several listeners. */
export interface RoomUser {
  /** Closes a connection on which nothing is asked. @returns false: there is none */
  leaveIdle?(): boolean;
}

/** The room for connections, of all listeners of one thread. */
export class AcceptRoom {
  readonly #options: AcceptRoomOptions;
  readonly #counts: ClientCounts;
  readonly #clock: Clock;
  readonly #listeners = new Map<Server, RoomUser & { readonly accepting: Accepting }>();
  /** Connections of this thread. */
  #own = 0;
  /** How many more may come. */
  #left = Number.POSITIVE_INFINITY;
  #limit = Number.NaN;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #countedAtMs = Number.NEGATIVE_INFINITY;
  /** How long it took. */
  #costMs = 0;
  #quietUntilMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  readonly #gone = (): void => {
    this.#own -= 1;
    this.#left += 1;
    this.#counts.closed();
    if (this.#timer === null) return;
    this.#look();
    this.#decide();
  };

  constructor(options: AcceptRoomOptions) {
    this.#options = options;
    this.#counts = options.clients.counts;
    this.#clock = options.clock ?? systemClock;
  }

  /** A server is stopped and started from here on; each of its connections is to be told by `took()`. @param server that does not listen yet */
  add(server: Server, user: RoomUser = {}): void {
    const accepting = new Accepting(server);
    server.on('listening', () => {
      this.#listeners.set(server, Object.assign(user, { accepting }));
      if (this.#timer !== null) accepting.pause();
    });
    server.on('close', () => {
      this.#listeners.delete(server);
      if (this.#listeners.size === 0) this.#stopWaiting();
    });
  }

  /** A connection was accepted, and counts among clients, if it was let in: whether as many wait as may is looked at here. */
  took(socket: Socket): void {
    this.#own += 1;
    this.#left -= 1;
    this.#counts.opened();
    socket.once('close', this.#gone);
    this.#look();
    this.#decide();
  }

  #look(): void {
    const now = this.#clock.now();
    if (now >= this.#readAtMs) {
      this.#readAtMs = now + readMs;
      const limit = this.#options.descriptors.limit();
      if (limit !== this.#limit) {
        this.#limit = limit;
        this.#count(now);
        this.#options.onLimit(limit);
        return;
      }
    }
    const afterMs = this.#left < few ? Math.max(countMs, costFactor * this.#costMs) : countFarMs;
    if (now >= this.#countedAtMs + afterMs && this.#left < this.#limit / 2) this.#count(now);
  }

  #count(beganMs: number): void {
    const free = this.#limit === Number.POSITIVE_INFINITY ? this.#limit : this.#options.descriptors.free(this.#limit);
    const left = Math.floor(leftForClients(free, this.#counts.open) / this.#counts.threads);
    this.#left = left <= 0 && this.#own === 0 && free >= neededForOne ? 1 : left;
    this.#countedAtMs = this.#clock.now();
    this.#costMs = this.#countedAtMs - beganMs;
  }

  /** Accepts, or does not. */
  #decide(): void {
    const { clients } = this.#options;
    const isFull = this.#left <= 0 || clients.isFull;
    if (isFull === (this.#timer !== null)) return;
    if (!isFull) {
      this.#stopWaiting();
      return;
    }
    for (const { accepting } of this.#listeners.values()) accepting.pause();
    clients.isShort = true;
    clients.hit('maxConnections');
    this.#timer = this.#clock.every(pausedMs, () => this.#stillPaused());
    this.#tell();
  }

  #stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#options.clients.isShort = false;
    for (const { accepting } of this.#listeners.values()) accepting.resume();
  }

  /** For so long none has gone: places are wanted more than by those that ask for nothing. */
  #stillPaused(): void {
    this.#look();
    this.#decide();
    if (this.#timer === null) return;
    let closed = 0;
    for (const user of this.#listeners.values()) while (closed < idleClosed && user.leaveIdle?.() === true) closed += 1;
  }

  #tell(): void {
    const now = this.#clock.now();
    if (now < this.#quietUntilMs) return;
    this.#quietUntilMs = now + quietMs;
    const { log = silentLog, clients } = this.#options;
    const why =
      this.#left > 0
        ? `${clients.values.maxConnections} are open, which is maxConnections, and ${clients.values.maxWaiting} wait`
        : `${this.#counts.open} are open, and the rest of the ${this.#limit} descriptors is kept for workers, files and the log: raise the limit of open files`;
    log.warn({}, `new connections wait in the system's backlog: ${why}`);
  }
}
