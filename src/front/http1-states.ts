// The states of an HTTP/1.1 connection, which may follow which, how long it may take its time in each, and what it needs of its front.
//
//   waiting -> idle -> head -> running -> sending -> idle ... ; any -> lingering -> closed

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import { type AskTaken, ClientWatch } from '../gateway/client-watch.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { inOnePiece } from '../protocol/bytes.ts';
import type { KnownFields } from '../protocol/http/http1-head-reader.ts';
import type { ClientLimits, Waiting } from './client-limits.ts';
import type { SpareBlock } from './http1-answer.ts';
import type { Refusal } from './http1-refusal.ts';

/** A connection as its front sees it, whatever version of HTTP is spoken there. */
export interface FrontConnection extends Waiting {
  /** Where it is among the front's connections; theirs. */
  slot: number;
  /** Of its client; empty for a Unix socket. */
  readonly address: string;
  /** Acts when a deadline has passed. @param now see `FrontTime.tick` */
  checkDeadline(now: number): void;
  /** Closes it where nothing was asked since the last answer. @returns whether it did */
  leaveIfIdle(): boolean;
  /** The front is closing: what runs may end. */
  retire(): void;
  destroy(): void;
}

/** What all connections of a front share. */
export interface ConnectionOwner extends DeadlineOwner {
  readonly handler: HttpHandler;
  readonly onRefused: (refusal: Refusal) => void;
  readonly clients: ClientLimits;
  readonly log: Log;
  /** Logs what was no request. */
  tellRefused(error: PosternError, client: string): void;
  readonly spare: SpareBlock;
  readonly fields: KnownFields;
  readonly isClosing: boolean;
  /** Whether a body comes too slowly; then that is told. @param rate bytes a second */
  isTooSlow(rate: number, client: string): boolean;
  /** An answer is given up, since its client takes nothing of it. */
  tellStarved(client: string): void;
  /** The connection is closed. */
  removed(connection: FrontConnection): void;
}

/**
 * Where a connection is. waiting: others have to go first, and nothing is read. idle: nothing of a request has come. head: part of a head has. running: the handler has a request.
 * sending: its answer is complete, and more of it waits for the client than a socket holds. lingering: we have ended our side.
 */
export type ConnectionState = 'waiting' | 'idle' | 'head' | 'running' | 'sending' | 'lingering' | 'closed';

const moves: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  waiting: ['idle', 'closed'],
  idle: ['waiting', 'head', 'running', 'lingering', 'closed'],
  head: ['running', 'lingering', 'closed'],
  running: ['idle', 'sending', 'lingering', 'closed'],
  sending: ['idle', 'lingering', 'closed'],
  lingering: ['closed'],
  closed: [],
};

/** @returns where it is to go. @throws when that cannot follow: a fault of ours */
export function moveConnection(from: ConnectionState, to: ConnectionState): ConnectionState {
  // The usual ones first, here and elsewhere: to look all of them up in tables takes 3 % of a small request's time.
  const isUsual = (from === 'idle' && to === 'running') || (from === 'running' && to === 'idle');
  if (!isUsual && !moves[from].includes(to)) throw new Error(`a connection cannot go from ${from} to ${to}`);
  return to;
}

/** What clients may cost. Durations are in milliseconds and kept to the second: a limit is never early, and up to two seconds late. */
export interface Http1Limits {
  /** From the first byte of a request, or the connection's beginning, to the end of its head. @default 30000 */
  readonly headTimeoutMs: number;
  /** Between two pieces of a request body that the handler waits for. @default 30000 */
  readonly bodyTimeoutMs: number;
  /** Between two requests of one connection. @default 75000 */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take nothing of an answer whose handler sets no limit of its own; 0: as long as it likes. @default 60000 */
  readonly writeTimeoutMs: number;
  /** How long a connection that we end is read on, so that a client still sending gets to see the answer. @default 5000 */
  readonly lingerTimeoutMs: number;
  /** How long a request goes on whose client has closed its side: it may only have said that it has no more requests. @default 1000 */
  readonly halfClosedTimeoutMs: number;
}

/** The limits where the configuration is silent. */
export const defaultHttp1Limits: Http1Limits = {
  headTimeoutMs: 30_000,
  bodyTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  writeTimeoutMs: 60_000,
  lingerTimeoutMs: 5_000,
  halfClosedTimeoutMs: 1_000,
};

/** How long a closing front waits for the first request of a connection. */
const firstRequestMs = 1_000;

/** How often deadlines are looked at: one timer for all connections instead of one each. */
export const tickMs = 1_000;

/** The time of one front. Its clock is read once a tick. */
export class FrontTime {
  readonly #clock: Clock;
  #now: number;
  /** Until when the Date line holds, by the clock that never goes back. */
  #dateUntil = Number.NEGATIVE_INFINITY;
  #dateLine = '';
  #date = '';

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#now = clock.now();
  }

  /** Reads the clock. @returns what `deadlineAfter` counts on from now */
  tick(): number {
    this.#now = this.#clock.now();
    return this.#now;
  }

  /** When something that begins now and may take so long is overdue. The tick that may have nearly passed is added: no deadline is early. */
  deadlineAfter(ms: number): number {
    return this.#now + tickMs + ms;
  }

  /** "Date: ...\r\n" of now. */
  get dateLine(): string {
    this.#readDate();
    return this.#dateLine;
  }

  /** The value of Date. */
  get date(): string {
    this.#readDate();
    return this.#date;
  }

  #readDate(): void {
    const now = this.#clock.now();
    if (now < this.#dateUntil) return;
    const wallMs = this.#clock.wall();
    this.#dateUntil = now + 1000 - (wallMs % 1000);
    this.#date = new Date(wallMs).toUTCString();
    this.#dateLine = inOnePiece(`Date: ${this.#date}\r\n`);
  }
}

/** What a deadline needs of the connection's front. */
export interface DeadlineOwner {
  readonly limits: Http1Limits;
  readonly clients: ClientLimits;
  readonly time: FrontTime;
}

/** The present deadline of one connection: each call replaces the one before. */
export class Http1Deadline {
  readonly #owner: DeadlineOwner;
  #at = Number.POSITIVE_INFINITY;
  /** Who is asked what the client has taken, while it is for the client to take what it is sent, and how long it may take nothing. */
  #ask: AskTaken | null = null;
  #writeTimeoutMs = 0;
  #watch: ClientWatch | null = null;
  /** Requests that the connection has had. */
  #requests = 0;

  constructor(owner: DeadlineOwner) {
    this.#owner = owner;
  }

  /** @param now see `FrontTime.tick` */
  isOver(now: number): boolean {
    if (this.#ask === null) return now >= this.#at;
    return this.#writeTimeoutMs > 0 && this.#watch!.isOverdue(now, this.#writeTimeoutMs, this.#ask);
  }

  /** It waits for us. */
  none(): void {
    this.#ask = null;
    this.#at = Number.POSITIVE_INFINITY;
  }

  forHead(): void {
    const { clients, limits } = this.#owner;
    this.#set((clients.values.headTimeoutMs ?? limits.headTimeoutMs) || Number.POSITIVE_INFINITY);
  }

  /** A request begins. @returns whether it is the last that the connection may have; asked for each */
  beginsLast(): boolean {
    this.#requests += 1;
    const { clients } = this.#owner;
    if (this.#requests !== clients.values.maxRequests) return false;
    clients.hit('maxRequests');
    return true;
  }

  forFirstRequest(): void {
    this.#set(firstRequestMs);
  }

  forNextRequest(): void {
    const { clients, limits } = this.#owner;
    this.#set((clients.values.keepAliveTimeoutMs ?? limits.keepAliveTimeoutMs) || Number.POSITIVE_INFINITY);
  }

  forBody(): void {
    this.#set(this.#owner.limits.bodyTimeoutMs);
  }

  /** It waits for the client, which may take nothing for so long. @param timeoutMs 0: no limit */
  forWriting(timeoutMs: number, ask: AskTaken): void {
    this.#ask = ask;
    this.#writeTimeoutMs = timeoutMs;
    this.#watch ??= new ClientWatch();
    this.#watch.start(this.#owner.time.deadlineAfter(0), ask);
  }

  forHalfClosed(): void {
    this.#set(this.#owner.limits.halfClosedTimeoutMs);
  }

  forLingering(): void {
    this.#set(this.#owner.limits.lingerTimeoutMs);
  }

  #set(ms: number): void {
    this.#ask = null;
    this.#at = this.#owner.time.deadlineAfter(ms);
  }
}
