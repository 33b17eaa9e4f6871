// What clients may cost, in all and each address of them: how many connections, who waits for one, and how slowly a body may come. Shared by
// all fronts of a service.
//
// Those above the limit are accepted, and nothing is read of them until others have gone: so it is known that somebody waits, and a connection that
// is idle leaves. A client's time begins when it enters. They are bounded, too: who comes beyond waits in the system's backlog (`accept-room.ts`),
// and is closed only where several threads accepted at once, or a proxy has yet to tell whom it brings.

import { type ClientCounts, type LimitHits, type LimitName, OwnClientCounts } from './client-counts.ts';

/** The limits. 0: no limit. */
export interface ClientLimitValues {
  /** Connections that are served at a time. */
  readonly maxConnections: number;
  /** Connections at a time of one address. */
  readonly maxConnectionsPerClient: number;
  /** Bytes a second that a request body must come with on average. */
  readonly minBodyRate: number;
  /** How long the head of a request may take. @default the front's own */
  readonly headTimeoutMs?: number;
  /** How long a kept connection may wait for its next request. @default the front's own */
  readonly keepAliveTimeoutMs?: number;
  /** Requests of one connection. @default 0 */
  readonly maxRequests?: number;
  /** Connections that may wait for others to go; above it no more are accepted. Here, 0 is none. */
  readonly maxWaiting: number;
}

/** A connection that waits. */
export interface Waiting {
  /** It may go on. */
  enter(): void;
}

/** What a new connection may do. */
export type Admission = 'enters' | 'waits' | 'too-many' | 'too-many-of-client';

/** How often those that wait look whether connections of other threads have gone. */
const lookMs = 100;

/** Counts the connections of all fronts. */
export class ClientLimits {
  /** In force. Put there by `change()` alone; asked for each request. */
  values: ClientLimitValues;
  readonly counts: ClientCounts;
  /** Whether a place is wanted: who is done leaves. Asked with each request. */
  isWanted = false;
  #isShort = false;
  readonly #isShared: boolean;
  readonly #waiting = new Set<Waiting>();
  /** Those that wait, in the order in which they came. */
  readonly waiting: ReadonlySet<Waiting> = this.#waiting;
  #look: NodeJS.Timeout | null = null;

  /** @param shared where other threads count theirs, too; null: there are none */
  constructor(values: ClientLimitValues, shared: ClientCounts | null = null) {
    this.values = values;
    this.counts = shared ?? new OwnClientCounts();
    this.#isShared = shared !== null;
  }

  /** Puts other limits in force; who is over them stays. */
  change(values: ClientLimitValues): void {
    this.values = values;
    this.#admit();
  }

  /** How often each limit was met, by all threads. */
  get hits(): LimitHits {
    return this.counts.hits;
  }

  /** A client met a limit. */
  hit(limit: LimitName): void {
    this.counts.hit(limit);
  }

  /** Connections that are served, by all threads. */
  get served(): number {
    return this.counts.served;
  }

  /** Whether no more are accepted, for the time being. */
  get isShort(): boolean {
    return this.#isShort;
  }

  set isShort(isShort: boolean) {
    this.#isShort = isShort;
    this.#noteWanted();
  }

  /** Whether as many wait as may. */
  get isFull(): boolean {
    const { maxConnections, maxWaiting } = this.values;
    if (maxConnections === 0 || this.counts.served < maxConnections) return false;
    return this.counts.waiting >= maxWaiting;
  }

  /** A connection came. Where it may not stay, nothing is counted. @param address of its client; empty for a Unix socket */
  come(address: string, connection: Waiting): Admission {
    const { maxConnections, maxConnectionsPerClient, maxWaiting } = this.values;
    // Counted without a limit, too: a reload may set one while it is here.
    if (address !== '' && !this.counts.add(address, maxConnectionsPerClient)) {
      this.hit('maxConnectionsPerClient');
      return 'too-many-of-client';
    }
    const enters = this.counts.serve(maxConnections);
    if (!enters) this.hit('maxConnections');
    if (!enters && !this.counts.wait(maxWaiting)) {
      if (address !== '') this.counts.remove(address);
      return 'too-many';
    }
    if (!enters) {
      this.#waiting.add(connection);
      this.#noteWanted();
      if (this.#isShared) this.#look ??= setInterval(() => this.#admit(), lookMs).unref();
    }
    return enters ? 'enters' : 'waits';
  }

  /** A connection that entered, or waited, has gone. */
  go(address: string, connection: Waiting): void {
    if (address !== '') this.counts.remove(address);
    if (this.#waiting.delete(connection)) this.counts.endWait();
    else this.counts.leave();
    this.#noteWanted();
    this.#admit();
  }

  #admit(): void {
    for (const next of this.#waiting) {
      if (!this.counts.serve(this.values.maxConnections)) return;
      this.#waiting.delete(next);
      this.counts.endWait();
      this.#noteWanted();
      next.enter();
    }
    if (this.#look === null) return;
    clearInterval(this.#look);
    this.#look = null;
  }

  #noteWanted(): void {
    this.isWanted = this.#waiting.size > 0 || this.#isShort;
  }
}

/** So long a body is not judged by its rate: the first bytes of a connection are slow. */
const graceSeconds = 10;

/** The rate of one body. A body that trickles in keeps each of its pauses short, and holds memory, a file and a connection for as long as it likes. */
export class BodyRate {
  #receivedBytes = 0;
  #seconds = 0;
  #lookedAtMs: number | null = null;

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /**
   * How many bytes a second came on average; infinite as long as that says nothing. To be asked about once a second.
   * @param mayCome whether the client could send
   */
  at(nowMs: number, mayCome: boolean): number {
    if (mayCome) this.#seconds += (nowMs - (this.#lookedAtMs ?? nowMs)) / 1000;
    this.#lookedAtMs = nowMs;
    return this.#seconds < graceSeconds ? Number.POSITIVE_INFINITY : this.#receivedBytes / this.#seconds;
  }
}
