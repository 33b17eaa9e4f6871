// The backend of FastCGI servers elsewhere: bounded connections to each, requests spread over them, the next one only where that is safe.

import { type Clock, systemClock } from '../clock.ts';
import { type Address, formatAddress } from '../connection/address.ts';
import { type DispatchCounters, Dispatcher, type DispatchLimits } from '../connection/dispatcher.ts';
import { Upstream } from '../connection/upstream.ts';
import { PosternError } from '../errors.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { Balance, type BalanceLimits, defaultBalanceLimits } from './balance.ts';

/** One server. */
export interface RemoteServer {
  readonly address: Address;
  /** Its share of the requests, 1 or more. @default 1 */
  readonly weight?: number;
}

/** What a remote backend is made from. Every duration is in milliseconds. */
export interface RemoteBackendOptions {
  readonly name: string;
  /** One at least. */
  readonly servers: readonly RemoteServer[];
  /** Requests that run at a time, over all servers, and connections to each of them. @default 8 */
  readonly maxConnections?: number;
  /** A kept connection that was idle so long is closed. It holds a process of PHP-FPM, so it is short. 0: none is kept. @default 5000 */
  readonly idleTimeoutMs?: number;
  /** How long a server may leave a request unread. @default 30000 */
  readonly writeTimeoutMs?: number;
  /** @default 5000 */
  readonly connectTimeoutMs?: number;
  /**
   * When a connection may serve another request. A server elsewhere does not say its version, and before 8.2.36, 8.3.37, 8.4.28 and
   * 8.5.13 PHP takes a body that the script did not read for records (CVE-2026-129289). @default 'bodiless'
   */
  readonly reuse?: 'always' | 'bodiless' | 'never';
  readonly limits?: Partial<DispatchLimits>;
  readonly balance?: Partial<BalanceLimits>;
  /** @default systemClock */
  readonly clock?: Clock;
}

const DEFAULT_CONNECTIONS = 8;

/** See the file's first line. */
export class RemoteBackend implements Backend {
  readonly name: string;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  #options: RemoteBackendOptions;
  #balance: Balance;
  /** Of before a reload, with requests that still run on them. */
  readonly #retired = new Set<Upstream>();

  /** Connects to nothing before the first request. */
  constructor(options: RemoteBackendOptions) {
    this.name = options.name;
    this.#clock = options.clock ?? systemClock;
    this.#options = options;
    this.#dispatcher = new Dispatcher({
      keeps: (request) => this.#keeps(request),
      clock: this.#clock,
    });
    this.#balance = this.#newBalance();
    this.#dispatcher.use(this.#balance, this.#limits());
  }

  get counters(): DispatchCounters {
    return this.#dispatcher.counters;
  }

  /** Connections that are open, idle ones included. */
  get connections(): number {
    return this.#balance.upstreams.reduce((sum, upstream) => sum + upstream.connections, 0);
  }

  /** What it connects to, in words. */
  get description(): string {
    const names = this.#options.servers.map(({ address }) => formatAddress(address)).join(', ');
    const { resting } = this.#balance;
    return resting === 0 ? names : `${names} (${resting} of ${this.#options.servers.length} rest after failures)`;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    return this.#dispatcher.run(request, sink);
  }

  /** Goes on with other servers and limits; what runs on the old ones ends there. */
  reload(options: RemoteBackendOptions): void {
    const old = this.#balance.upstreams;
    this.#options = options;
    this.#balance = this.#newBalance();
    this.#dispatcher.use(this.#balance, this.#limits());
    for (const upstream of old) {
      this.#retired.add(upstream);
      void upstream.close().then(() => this.#retired.delete(upstream));
    }
  }

  /** Refuses new requests, lets those that run finish, closes every connection. Repeatable. */
  async close(): Promise<void> {
    await this.#dispatcher.close();
    await Promise.all(this.#balance.upstreams.map((upstream) => upstream.close()));
  }

  /** Closes every connection now; what runs fails with POOL_CLOSING. Repeatable. */
  destroy(): void {
    void this.#dispatcher.close();
    const error = new PosternError('POOL_CLOSING', 'the connections were closed before the answer was complete');
    for (const upstream of [...this.#retired, ...this.#balance.upstreams]) upstream.destroy(error);
  }

  #limits(): Partial<DispatchLimits> {
    const { limits, maxConnections = DEFAULT_CONNECTIONS } = this.#options;
    return { running: maxConnections, ...limits };
  }

  #newBalance(): Balance {
    const { servers, maxConnections = DEFAULT_CONNECTIONS, idleTimeoutMs = 5_000, balance } = this.#options;
    const { writeTimeoutMs = 30_000, connectTimeoutMs = 5_000 } = this.#options;
    const options = {
      maxConnections,
      idleTimeoutMs,
      connection: { writeTimeoutMs, connectTimeoutMs },
      clock: this.#clock,
    };
    const upstreams = servers.map(({ address, weight = 1 }) => ({
      upstream: new Upstream(address, options, this.#dispatcher),
      weight,
    }));
    return new Balance(upstreams, { ...defaultBalanceLimits, ...balance }, this.#clock);
  }

  #keeps(request: CgiRequest): boolean {
    const { reuse = 'bodiless', idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === 0 || reuse === 'never') return false;
    return reuse === 'always' || request.body === null;
  }
}
