// One FastCGI server elsewhere and our connections to it: bounded, kept while they are of use, the last used one first.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Address } from './address.ts';
import { ClientConnection, type ConnectionOwner } from './client-connection.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { ConnectionOptions } from './connection-options.ts';

/** How connections to one address are kept. */
export interface UpstreamOptions {
  /** Connections at a time. @default 8 */
  readonly maxConnections: number;
  /** A kept connection that was idle so long is closed, in milliseconds; it holds a process of PHP-FPM. 0: none is kept. @default 5000 */
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
const STARVING_MS = 50;

/** What an upstream tells. */
export interface UpstreamEvents {
  /** A request that ran on one of its connections is over for the server. */
  released(upstream: Upstream, exchange: ClientExchange): void;
  /** It has room again. */
  freed(upstream: Upstream): void;
}

/** A connection that was taken, and whether it has served before: then it may have been closed by the server meanwhile. */
export interface TakenConnection {
  readonly connection: ClientConnection;
  readonly isFresh: boolean;
}

/** See the file's first line. */
export class Upstream implements ConnectionOwner {
  readonly address: Address;
  readonly #options: UpstreamOptions;
  readonly #events: UpstreamEvents;
  readonly #open = new Set<ClientConnection>();
  /** Kept connections and since when they are idle; the last used one is the last. */
  readonly #idle: { readonly connection: ClientConnection; readonly sinceMs: number }[] = [];
  #sweep: Timer | null = null;
  #sweepsSoon = false;
  #isClosing = false;
  #whenEmpty: (() => void)[] = [];

  constructor(address: Address, options: Partial<UpstreamOptions>, events: UpstreamEvents) {
    this.address = address;
    this.#options = { ...defaultUpstreamOptions, ...options };
    this.#events = events;
  }

  /** Connections, idle ones included. */
  get connections(): number {
    return this.#open.size;
  }

  /** Whether `take()` gives a connection now. */
  get hasRoom(): boolean {
    if (this.#isClosing) return false;
    return this.#idle.length > 0 || this.#open.size < this.#options.maxConnections || this.#shared() !== null;
  }

  /**
   * A connection that takes a request now: a kept one, else a new one, else one that carries others already.
   * @param fresh only one that has not served before; an idle one is closed for it where the bound asks for that
   * @returns null when there is no room
   */
  take(fresh = false): TakenConnection | null {
    if (this.#isClosing) return null;
    const kept = this.#takeIdle();
    if (kept !== null && !fresh) return { connection: kept, isFresh: false };
    kept?.destroy();
    if (this.#open.size < this.#options.maxConnections) {
      const { connection: options, clock } = this.#options;
      const connection = ClientConnection.open(this.address, this, { clock, ...options });
      this.#open.add(connection);
      return { connection, isFresh: true };
    }
    const shared = this.#shared();
    return shared === null ? null : { connection: shared, isFresh: false };
  }

  /** See ConnectionOwner. */
  released(connection: ClientConnection, exchange: ClientExchange): void {
    if (connection.isReusable && connection.running === 0) this.#keep(connection);
    this.#events.released(this, exchange);
    if (connection.isReusable) this.#events.freed(this);
  }

  /** See ConnectionOwner. */
  closed(connection: ClientConnection, _error: PosternError | null): void {
    this.#open.delete(connection);
    const index = this.#idle.findIndex((kept) => kept.connection === connection);
    if (index >= 0) this.#idle.splice(index, 1);
    if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    this.#events.freed(this);
  }

  /** Gives out no connection any more; resolves when the last request has ended and its connection is closed. Repeatable. */
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

  #keep(connection: ClientConnection): void {
    const { idleTimeoutMs, clock } = this.#options;
    if (this.#isClosing || idleTimeoutMs === 0) {
      connection.close();
      return;
    }
    connection.setRef(false);
    this.#idle.push({ connection, sinceMs: clock.now() });
    this.#planSweep(idleTimeoutMs);
  }

  /** Whether a request on another connection waits, for all that we know, for the process that serves an idle one. */
  #hasUnanswered(): boolean {
    for (const connection of this.#open) if (connection.isUnanswered) return true;
    return false;
  }

  #planSweep(delayMs: number): void {
    const isSoon = delayMs > STARVING_MS && this.#hasUnanswered();
    if (this.#sweep !== null && (this.#sweepsSoon || !isSoon)) return;
    this.#sweep?.cancel();
    this.#sweepsSoon = isSoon;
    this.#sweep = this.#options.clock.after(isSoon ? STARVING_MS : Math.max(1, delayMs), () => this.#sweepIdle());
  }

  /** Closes those that were idle for too long; the first is the one that was idle longest. */
  #sweepIdle(): void {
    const { idleTimeoutMs, clock } = this.#options;
    const now = clock.now();
    const limitMs = this.#hasUnanswered() ? Math.min(STARVING_MS, idleTimeoutMs) : idleTimeoutMs;
    this.#sweep = null;
    while (this.#idle.length > 0 && now - this.#idle[0]!.sinceMs >= limitMs) this.#idle.shift()!.connection.destroy();
    if (this.#idle.length > 0) this.#planSweep(this.#idle[0]!.sinceMs + idleTimeoutMs - now);
  }
}
