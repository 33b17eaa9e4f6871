// One FastCGI server elsewhere and our connections to it: bounded, kept while they are of use, the last used one first.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import { type Address, formatAddress } from '../connection/address.ts';
import { ClientConnection, type ConnectionOwner } from '../connection/client-connection.ts';
import type { ClientExchange, EndedRequest } from '../connection/client-exchange.ts';
import type { ConnectionOptions } from '../connection/connection-options.ts';
import { ReadBuffers } from '../connection/dial.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import { type SeatServer, UpstreamSeat } from './upstream-seat.ts';

/** How connections to one address are kept. */
export interface UpstreamOptions {
  /** Connections at a time. @default 8 */
  readonly maxConnections: number;
  /** A kept connection that was idle so long is closed, in milliseconds; it holds a process of PHP-FPM. 0: never. @default 5000 */
  readonly idleTimeoutMs: number;
  /** Of each connection. */
  readonly connection: Partial<ConnectionOptions>;
  /** @default systemClock */
  readonly clock: Clock;
}

/** The options where nothing is said. */
export const defaultUpstreamOptions: UpstreamOptions = {
  maxConnections: 8,
  idleTimeoutMs: 5_000,
  connection: {},
  clock: systemClock,
};

/**
 * A process of PHP serves the connection that it has accepted until that is closed. So a kept connection without a request may be the very
 * reason why a request on another one is not answered; after this time it is closed.
 */
const starvingMs = 50;
/** As long as a timer can be: 24 days. */
const forEverMs = 2_147_483_647;

/** What an upstream tells, and asks. */
export interface UpstreamEvents {
  /** Whether a connection may be kept after this request. */
  keeps(request: CgiRequest): boolean;
  /** It has room again. */
  freed(upstream: Upstream): void;
  /** It was reached; or, with an error, was not. */
  reached(upstream: Upstream, error: PosternError | null): void;
  /** A request on a connection that had served before got no byte. @param isRepeated whether it is sent anew */
  silent(upstream: Upstream, isRepeated: boolean): void;
  /** Records came for a request that had ended. @param of that request; null: it ended too long ago */
  straggled(upstream: Upstream, of: EndedRequest | null): void;
}

/** See the file's first line. */
export class Upstream implements ConnectionOwner, SeatServer {
  readonly address: Address;
  /** The address as text. */
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #events: UpstreamEvents;
  readonly #buffers = new ReadBuffers();
  readonly #open = new Set<ClientConnection>();
  /** Kept connections and since when they are idle; the last used one is the last. */
  readonly #idle: { readonly connection: ClientConnection; readonly sinceMs: number }[] = [];
  /** Those that have a request. */
  readonly #seats: UpstreamSeat[] = [];
  #sweep: Timer | null = null;
  #sweepsSoon = false;
  #isClosing = false;
  #whenEmpty: (() => void)[] = [];

  constructor(address: Address, options: Partial<UpstreamOptions>, events: UpstreamEvents) {
    this.address = address;
    this.name = formatAddress(address);
    this.#options = { ...defaultUpstreamOptions, ...options };
    this.#events = events;
  }

  /** Connections, idle ones included. */
  get connections(): number {
    return this.#open.size;
  }

  /** Whether a connection is kept that has no request. */
  get hasKept(): boolean {
    return this.#idle.length > 0;
  }

  /** Whether `take()` gives a seat now. */
  get hasRoom(): boolean {
    if (this.#isClosing) return false;
    return this.#idle.length > 0 || this.#open.size < this.#options.maxConnections || this.#shared() !== null;
  }

  /**
   * A seat on a connection that takes a request now: a kept one, else a new one, else one that carries others already.
   * @param fresh only one that has not served before; an idle one is closed for it, since that may hold the process that the new one needs
   * @returns null when there is no room
   */
  take(fresh: boolean): UpstreamSeat<Upstream> | null {
    if (this.#isClosing) return null;
    const kept = this.#takeIdle();
    if (kept !== null && !fresh) return new UpstreamSeat(this, kept, false);
    kept?.destroy();
    if (this.#open.size < this.#options.maxConnections) return new UpstreamSeat(this, this.#connect(), true);
    const shared = this.#shared();
    return shared === null ? null : new UpstreamSeat(this, shared, false);
  }

  /** Takes a seat back that `take()` gave; what still runs on it ends. */
  giveBack(seat: UpstreamSeat): void {
    this.#drop(seat);
    const { connection } = seat;
    if (seat.cut() && connection.running === 0 && connection.isReusable) this.#keep(connection);
  }

  /** See SeatServer. */
  keeps(request: CgiRequest): boolean {
    return this.#events.keeps(request);
  }

  /** See SeatServer. */
  began(seat: UpstreamSeat): number {
    const { clock } = this.#options;
    this.#seats.push(seat);
    if (seat.isFresh && this.#idle.length > 0) this.#planSweep(this.#idleLimitMs);
    return clock.now();
  }

  /** See SeatServer. A request that nobody may have read is sent anew where that does no harm; where it might, it goes on waiting. */
  silent(seat: UpstreamSeat, forMs: number): void {
    const isRepeated = seat.mayRepeat;
    this.#events.silent(this, isRepeated);
    if (!isRepeated) return;
    const what = `${this.name} sent not a byte for ${forMs} ms on a connection that had served before`;
    seat.connection.destroy(new PosternError('CONNECTION_LOST', what));
  }

  /** Closes kept connections that have no request: each may hold a process. */
  closeIdle(): void {
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
  }

  /** Closes such connections until there are no more than so many in all, those that were idle longest first. */
  closeKept(most: number): void {
    while (this.#open.size > most && this.#idle.length > 0) this.#idle.shift()!.connection.destroy();
  }

  /** See ConnectionOwner. */
  released(connection: ClientConnection, exchange: ClientExchange): void {
    if (connection.connectedAtMs !== null) this.#events.reached(this, null);
    const seat = this.#seats.find((one) => one.carries(exchange));
    if (connection.isReusable && connection.running === 0) this.#keep(connection);
    if (seat !== undefined) {
      this.#drop(seat);
      seat.released();
    }
    if (connection.isReusable) this.#events.freed(this);
  }

  /** See ConnectionOwner. */
  closed(connection: ClientConnection, error: PosternError | null): void {
    this.#open.delete(connection);
    const index = this.#idle.findIndex((kept) => kept.connection === connection);
    if (index >= 0) this.#idle.splice(index, 1);
    if (error?.code === 'CONNECT_FAILED') this.#events.reached(this, error);
    if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    this.#events.freed(this);
  }

  /** See ConnectionOwner. */
  straggled(_connection: ClientConnection, of: EndedRequest | null): void {
    this.#events.straggled(this, of);
  }

  /** Gives out no seat any more; resolves when the last request has ended and its connection is closed. Repeatable. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#sweep?.cancel();
    for (const connection of [...this.#open]) connection.close();
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Closes every connection now; what runs fails with `error`. Repeatable. */
  destroy(error: PosternError | null = null): void {
    this.#isClosing = true;
    this.#sweep?.cancel();
    for (const connection of [...this.#open]) connection.destroy(error);
  }

  get #idleLimitMs(): number {
    return this.#options.idleTimeoutMs === 0 ? forEverMs : this.#options.idleTimeoutMs;
  }

  #connect(): ClientConnection {
    const { connection: options, clock } = this.#options;
    const connection = ClientConnection.open(this.address, this, { clock, buffers: this.#buffers, ...options });
    this.#open.add(connection);
    return connection;
  }

  #takeIdle(): ClientConnection | null {
    const connection = this.#idle.pop()?.connection ?? null;
    connection?.setRef(true);
    return connection;
  }

  /** Of the connections that carry requests and take one more, the one that carries fewest; null: there is none. */
  #shared(): ClientConnection | null {
    let best: ClientConnection | null = null;
    for (const connection of this.#open) {
      if (connection.isReusable && (best === null || connection.running < best.running)) best = connection;
    }
    return best;
  }

  #drop(seat: UpstreamSeat): void {
    const at = this.#seats.indexOf(seat);
    if (at >= 0) this.#seats.splice(at, 1);
  }

  #keep(connection: ClientConnection): void {
    if (this.#isClosing) {
      connection.close();
      return;
    }
    connection.setRef(false);
    this.#idle.push({ connection, sinceMs: this.#options.clock.now() });
    this.#planSweep(this.#idleLimitMs);
  }

  /** Whether a request on another connection waits, for all that we know, for the process that serves an idle one. */
  #hasUnanswered(): boolean {
    for (const connection of this.#open) if (connection.isUnanswered) return true;
    return false;
  }

  #planSweep(delayMs: number): void {
    const isSoon = delayMs > starvingMs && this.#hasUnanswered();
    if (this.#sweep !== null && (this.#sweepsSoon || !isSoon)) return;
    this.#sweep?.cancel();
    this.#sweepsSoon = isSoon;
    this.#sweep = this.#options.clock.after(isSoon ? starvingMs : Math.max(1, delayMs), () => this.#sweepIdle());
  }

  /** Closes those that were idle for too long; the first is the one that was idle longest. */
  #sweepIdle(): void {
    const idleLimitMs = this.#idleLimitMs;
    const now = this.#options.clock.now();
    const limitMs = this.#hasUnanswered() ? Math.min(starvingMs, idleLimitMs) : idleLimitMs;
    this.#sweep = null;
    while (this.#idle.length > 0 && now - this.#idle[0]!.sinceMs >= limitMs) this.#idle.shift()!.connection.destroy();
    if (this.#idle.length > 0) this.#planSweep(this.#idle[0]!.sinceMs + idleLimitMs - now);
  }
}
