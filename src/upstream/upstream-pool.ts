// A pool of FastCGI servers elsewhere: bounded connections to each are its seats, and requests are spread over them.

import { type Clock, systemClock } from '../clock.ts';
import type { Address } from '../connection/address.ts';
import type { EndedRequest } from '../connection/client-exchange.ts';
import type { ErrorCode, PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Backend, CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import type { Attempt } from '../queue/attempt.ts';
import { OwnPermits, type Permit, type Permits, type QueueShare } from '../queue/permits.ts';
import { operated, type PoolSnapshot, runningRows, withoutWorkers } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { QueueCounters } from '../queue/queue-books.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { SeatOutcome, SeatProvider, SeatSeeker, Then } from '../queue/seat.ts';
import { Balance, type BalanceLimits, defaultBalanceLimits } from './balance.ts';
import { newServerMemory, ServerBoard } from './server-board.ts';
import { Health } from './server-health.ts';
import { Upstream, type UpstreamEvents } from './upstream.ts';
import type { Memo, UpstreamSeat } from './upstream-seat.ts';

/** One server. */
export interface UpstreamServer {
  readonly address: Address;
  /** Its share of the requests, 1 or more. @default 1 */
  readonly weight?: number;
  /** Whether it is asked only while no other server can be. @default false */
  readonly isBackup?: boolean;
}

/**
 * When a connection may serve another request: `never`; `bodiless`: after one without a body, and for one that may be sent twice; `always`.
 * A server elsewhere does not say its version, and before 8.2.36, 8.3.37, 8.4.28 and 8.5.13 PHP takes a body that the script did not read
 * for records (CVE-2026-129289). And whatever it is: a kept connection may hold what other requests wait for, and what is sent on it may
 * be read by nobody, because the process leaves (pm.max_requests of PHP-FPM) or waits (threads of libfcgi, fastcgi_finish_request).
 */
export type Reuse = 'always' | 'bodiless' | 'never';

/** What a pool is made from. Every duration is in milliseconds. */
export interface UpstreamPoolOptions {
  readonly name: string;
  /** None: requests wait until `reload()` names some. */
  readonly servers: readonly UpstreamServer[];
  /** Requests that run at a time, over all servers, and connections to each of them. */
  readonly maxConnections: number;
  /** Requests at a time on one connection. @default 1 */
  readonly maxExchanges?: number;
  readonly reuse: Reuse;
  /** A kept connection that was idle so long is closed. It holds a process of PHP-FPM, so it is short. 0: never. @default 5000 */
  readonly idleTimeoutMs?: number;
  /** How long a server may leave a request unread. @default 30000 */
  readonly writeTimeoutMs?: number;
  /** @default 5000 */
  readonly connectTimeoutMs?: number;
  readonly limits: Omit<QueueLimits, 'seats'>;
  /** The key that bounds `maxConnections`, for messages. */
  readonly limitName: string;
  readonly balance?: Partial<BalanceLimits>;
  /** Where several threads serve one pool: then these say how many requests run at a time. @default this thread is alone */
  readonly share?: QueueShare;
  /** What is known of the servers, for all threads: from `newServerMemory`. @default its own */
  readonly known?: SharedArrayBuffer;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLog */
  readonly log?: Log;
}

/** Whether the same server may do better over a new connection: the one before had served already. */
function isOfConnection(seat: UpstreamSeat, code: ErrorCode): boolean {
  return !seat.isFresh && (code === 'CONNECTION_LOST' || code === 'PROTOCOL_ERROR');
}

export class UpstreamPool implements Backend, SeatProvider<UpstreamSeat<Upstream>>, UpstreamEvents {
  readonly name: string;
  readonly words: SeatProvider['words'];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue: Queue<UpstreamSeat<Upstream>>;
  #options: UpstreamPoolOptions;
  #balance: Balance;
  #health: Health;
  #board: ServerBoard;
  #isWatching = false;
  readonly #startedAt: number;
  readonly #permits: Permits;
  readonly #permitOf = new WeakMap<UpstreamSeat, Permit>();
  /** Of before a reload, with requests that still run on them. */
  readonly #retired = new Set<Upstream>();

  /** Connects to nothing before the first request, or `watch()`. */
  constructor(options: UpstreamPoolOptions) {
    this.name = options.name;
    this.words = { seat: 'connection', limit: options.limitName };
    this.#clock = options.clock ?? systemClock;
    this.#startedAt = this.#clock.wall();
    this.#log = options.log ?? silentLog;
    this.#options = options;
    this.#board = boardOf(options);
    this.#balance = this.#newBalance();
    this.#health = this.#newHealth();
    const queue = new Queue<UpstreamSeat<Upstream>>({
      ...options.share,
      name: options.name,
      provider: this,
      limits: this.#limits(),
      clock: this.#clock,
      log: this.#log,
    });
    this.#queue = queue;
    this.#permits =
      options.share?.permitsFor({
        queue,
        clock: this.#clock,
        closeKept: (most) => {
          for (const upstream of this.#balance.upstreams) upstream.closeKept(most);
        },
      }) ?? new OwnPermits(this.#limits().seats);
  }

  get counters(): QueueCounters {
    return this.#queue.counters.snapshot();
  }

  get queue(): Queue<UpstreamSeat<Upstream>> {
    return this.#queue;
  }

  /** Connections that are open, idle ones included. */
  get connections(): number {
    return this.#balance.upstreams.reduce((sum, upstream) => sum + upstream.connections, 0);
  }

  /** What it connects to, in words. */
  get description(): string {
    const names = this.#balance.upstreams.map(({ name }) => name).join(', ');
    const { resting } = this.#balance;
    return resting === 0 ? names : `${names} (${resting} of ${this.#balance.upstreams.length} rest after failures)`;
  }

  /** What runs at this moment, and how the servers are. */
  snapshot(): PoolSnapshot {
    const { maxConnections, limits } = this.#options;
    return {
      ...withoutWorkers,
      name: this.name,
      kind: 'connect',
      program: this.description,
      startedAt: this.#startedAt,
      workers: maxConnections,
      queue: limits.queue,
      ...operated(this.#queue, this.notReady),
      lanes: runningRows(this.#queue, this.#clock.now()),
      servers: this.#balance.servers,
    };
  }

  /** Why it cannot answer now, in words; null: it can, or nobody has looked. */
  get notReady(): string | null {
    const why = this.#isWatching ? this.#health.notReady : null;
    return why === null ? null : `pool ${this.name}: ${why}`;
  }

  /** Looks at the servers from now on, wherever no request shows how they are; resolves when each was looked at. Repeatable; nothing once it closes. */
  watch(): Promise<void> {
    if (!this.#queue.isTaking) return Promise.resolve();
    this.#isWatching = true;
    return this.#health.watch();
  }

  run(request: CgiRequest, sink: CgiSink): Attempt {
    return this.#queue.run(request, sink);
  }

  /** Closes kept connections that have no request: each may hold a process. */
  closeIdle(): void {
    for (const upstream of this.#balance.upstreams) upstream.closeIdle();
  }

  /** Goes on with other servers and limits; what runs on the old ones ends there. */
  reload(options: UpstreamPoolOptions): void {
    const old = this.#balance.upstreams;
    this.#options = options;
    this.#board = boardOf(options);
    this.#health.stop();
    this.#balance = this.#newBalance();
    this.#health = this.#newHealth();
    if (this.#isWatching) void this.watch();
    for (const upstream of old) {
      this.#retired.add(upstream);
      void upstream.close().then(() => this.#retired.delete(upstream));
    }
    const limits = this.#limits();
    this.#permits.use(limits.seats);
    this.#queue.use(limits);
  }

  /** Refuses new requests, lets those that wait and run finish, closes every connection. Repeatable. */
  async close(deadlineMs: number): Promise<void> {
    this.#health.stop();
    await this.#queue.close(deadlineMs);
    await Promise.all([...this.#retired, ...this.#balance.upstreams].map((upstream) => upstream.close()));
  }

  /** Closes every connection now; what runs fails. Repeatable. */
  async destroy(error: PosternError | null = null): Promise<void> {
    this.#health.stop();
    const upstreams = [...this.#retired, ...this.#balance.upstreams];
    if (error !== null) for (const upstream of upstreams) upstream.destroy(error);
    const closed = this.#queue.destroy();
    for (const upstream of upstreams) upstream.destroy();
    await closed;
  }

  /** See SeatProvider. */
  take(seeker: SeatSeeker): UpstreamSeat<Upstream> | null {
    const permit = this.#permits.take();
    if (permit === null) return null;
    const memo = seeker.memo as Memo<Upstream> | null;
    const upstream = this.#choose(memo?.tried ?? noneTried);
    const seat = upstream?.take(seeker.attempts > 0 || this.#needsFresh(seeker.request)) ?? null;
    if (seat === null) {
      this.#permits.putBack(permit);
      return null;
    }
    if (memo === null) seeker.memo = { tried: new Set(), seat } satisfies Memo<Upstream>;
    else memo.seat = seat;
    seat.memo = seeker.memo as Memo<Upstream>;
    this.#permitOf.set(seat, permit);
    return seat;
  }

  /** See SeatProvider. */
  giveBack(seat: UpstreamSeat<Upstream>, { code, isAborted }: SeatOutcome, then: Then): void {
    if (then === 'again' && code !== null && !isOfConnection(seat, code)) {
      seat.memo!.tried.add(seat.upstream);
    }
    if (!isAborted && code !== 'POOL_CLOSING') this.#balance.report(seat.upstream, code);
    seat.upstream.giveBack(seat);
    const permit = this.#permitOf.get(seat)!;
    this.#permits.giveBack(
      permit,
      this.#balance.upstreams.some(({ hasKept }) => hasKept),
    );
  }

  /** See SeatProvider. Connections are made for requests only. */
  wanted(waiting: number): void {
    this.#permits.wanted(waiting);
  }

  /** See SeatProvider. */
  isComing(beyond: number): boolean {
    return this.#permits.isComing(beyond);
  }

  /**
   * See SeatProvider.
   * 1. A connection that had served before says little of its server: over a new one that may do better.
   * 2. Else another server that was not tried for this request may.
   */
  hasOther(seeker: SeatSeeker, code: ErrorCode): boolean {
    const { tried, seat } = seeker.memo as Memo<Upstream>;
    if (isOfConnection(seat, code)) return true;
    return this.#balance.upstreams.some((upstream) => upstream !== seat.upstream && !tried.has(upstream));
  }

  /** See UpstreamEvents. */
  keeps(request: CgiRequest): boolean {
    if ((this.#options.maxExchanges ?? 1) > 1) return true;
    if (this.#board.hasSilence || this.#options.reuse === 'never') return false;
    return this.#options.reuse === 'always' || request.body === null;
  }

  /** Whether a request must have a connection of its own: one that cannot be sent again is lost where the server leaves a kept one just then. */
  #needsFresh(request: CgiRequest): boolean {
    if ((this.#options.maxExchanges ?? 1) > 1) return false;
    return this.#board.hasSilence || (this.#options.reuse === 'bodiless' && !request.idempotent);
  }

  /** See UpstreamEvents. */
  freed(): void {
    if (this.#queue.waiting > 0) this.#queue.serve();
  }

  /** See UpstreamEvents. */
  reached(upstream: Upstream, error: PosternError | null): void {
    this.#health.note(upstream, error?.message ?? null);
  }

  /** See UpstreamEvents. */
  silent(upstream: Upstream, isRepeated: boolean): void {
    const isNews = this.#board.noteSilence();
    this.closeIdle();
    if (!isNews) return;
    const what = isRepeated ? 'it is sent again on a new one' : 'it may not be sent twice, and goes on waiting';
    this.#log.warn(
      { pool: this.name, server: upstream.name },
      `server ${upstream.name} of pool ${this.name} left a request unread on a kept connection: ${what}; none is kept any more (set reuse = "never")`,
    );
  }

  /** See UpstreamEvents. */
  straggled(upstream: Upstream, of: EndedRequest | null): void {
    const which = of === null ? 'a request' : `${of.method} ${of.url}`;
    this.#log.warn(
      { pool: this.name, server: upstream.name, method: of?.method, url: of?.url },
      `${which} went on writing after its end, perhaps from a process that it forked: that was dropped, and the connection to ${upstream.name} is not used again`,
    );
  }

  /** Where every server was tried, and the request may run again all the same, any of them will do. */
  #choose(tried: ReadonlySet<Upstream>): Upstream | null {
    const isAll = this.#balance.upstreams.every((upstream) => tried.has(upstream));
    return this.#balance.choose(isAll ? noneTried : tried);
  }

  #limits(): QueueLimits {
    const { limits, maxConnections, maxExchanges = 1 } = this.#options;
    return { seats: maxConnections * maxExchanges, ...limits };
  }

  #newBalance(): Balance {
    const { servers, maxConnections, maxExchanges = 1, balance } = this.#options;
    const { idleTimeoutMs = 5_000, writeTimeoutMs = 30_000, connectTimeoutMs = 5_000 } = this.#options;
    const connection = { writeTimeoutMs, connectTimeoutMs, maxExchanges };
    const options = { maxConnections, idleTimeoutMs, connection, clock: this.#clock };
    const upstreams = servers.map(({ address, weight = 1, isBackup = false }) => ({
      upstream: new Upstream(address, options, this),
      weight,
      isBackup,
    }));
    return new Balance(upstreams, { ...defaultBalanceLimits, ...balance }, this.#clock, this.#board);
  }

  #newHealth(): Health {
    return new Health({
      name: this.name,
      upstreams: this.#balance.upstreams,
      board: this.#board,
      clock: this.#clock,
      log: this.#log,
      onSeen: (upstream, isUp) => this.#balance.report(upstream, isUp ? null : 'CONNECT_FAILED'),
    });
  }
}

function boardOf({ known, servers }: UpstreamPoolOptions): ServerBoard {
  return new ServerBoard(known ?? newServerMemory(servers.length));
}

const noneTried: ReadonlySet<Upstream> = new Set();
