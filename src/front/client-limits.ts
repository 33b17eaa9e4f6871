// What clients may cost, in all and each address of them: how many connections, who waits for one, and how slowly a body may come. Shared by
// all fronts of a service.
//
// Node cannot leave connections in the system's backlog without closing the listening socket, and all that wait there with it. So those above the
// limit are accepted, and nothing is read of them until others have gone: to a client that is the same. They are bounded, too.

/** The limits. 0: no limit. */
export interface ClientLimitValues {
  /** Connections that are served at a time. */
  readonly maxConnections: number;
  /** Connections at a time of one address. */
  readonly maxConnectionsPerClient: number;
  /** Bytes a second that a request body must come with on average. */
  readonly minBodyRate: number;
  /** Connections that may wait for others to go; above it they are closed as they come. Here, 0 is none. */
  readonly maxWaiting: number;
}

/** A connection that waits. */
export interface Waiting {
  /** It may go on. */
  enter(): void;
}

/** What a new connection may do. */
export type Admission = 'enters' | 'waits' | 'too-many' | 'too-many-of-client';

/** Counts the connections of all fronts. */
export class ClientLimits {
  #values: ClientLimitValues;
  #served = 0;
  readonly #waiting = new Set<Waiting>();
  /** Those that wait, in the order in which they came. */
  readonly waiting: ReadonlySet<Waiting> = this.#waiting;
  readonly #ofClient = new Map<string, number>();

  constructor(values: ClientLimitValues) {
    this.#values = values;
  }

  get values(): ClientLimitValues {
    return this.#values;
  }

  /** Puts other limits in force; who is over them stays. */
  change(values: ClientLimitValues): void {
    this.#values = values;
    this.#admit();
  }

  /** Connections that are served. */
  get served(): number {
    return this.#served;
  }

  /** Whether no more may be served than are. */
  get isFull(): boolean {
    return this.#values.maxConnections > 0 && this.#served >= this.#values.maxConnections;
  }

  /** A connection came. Where it may not stay, nothing is counted. @param address of its client; empty for a Unix socket */
  come(address: string, connection: Waiting): Admission {
    const { maxConnectionsPerClient, maxWaiting } = this.#values;
    const ofClient = this.#ofClient.get(address) ?? 0;
    if (address !== '' && maxConnectionsPerClient > 0 && ofClient >= maxConnectionsPerClient)
      return 'too-many-of-client';
    const isFull = this.isFull;
    if (isFull && this.#waiting.size >= maxWaiting) return 'too-many';
    if (address !== '') this.#ofClient.set(address, ofClient + 1);
    if (isFull) this.#waiting.add(connection);
    else this.#served += 1;
    return isFull ? 'waits' : 'enters';
  }

  /** A connection that entered, or waited, has gone. */
  go(address: string, connection: Waiting): void {
    const left = (this.#ofClient.get(address) ?? 1) - 1;
    if (left === 0) this.#ofClient.delete(address);
    else if (address !== '') this.#ofClient.set(address, left);
    if (!this.#waiting.delete(connection)) this.#served -= 1;
    this.#admit();
  }

  #admit(): void {
    for (const next of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(next);
      this.#served += 1;
      next.enter();
    }
  }
}
