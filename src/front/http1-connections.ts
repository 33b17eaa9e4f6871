// All connections of an HTTP/1.1 front, what they share, and one tick for all their deadlines.

import type { Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Receiver } from '../connection/plain-socket.ts';
import type { PosternError } from '../errors.ts';
import type { HttpHandler, Peer } from '../gateway/message.ts';
import type { SpareFrames } from '../http2/frame-writer.ts';
import { type Log, silentLog } from '../log.ts';
import { KnownFields } from '../protocol/http/http1-head-reader.ts';
import { ClientLimits, type Waiting } from './client-limits.ts';
import type { Acceptor } from './http1-accept.ts';
import type { SpareBlock } from './http1-answer.ts';
import { Http1Connection } from './http1-connection.ts';
import type { Refusal } from './http1-refusal.ts';
import { defaultHttp1Limits, type FrontConnection, FrontTime, type Http1Limits, tickMs } from './http1-states.ts';

/** What a front is made of. */
export interface Http1Options {
  readonly handler: HttpHandler;
  /** Told of what was answered without the handler, since it was no request. @default nobody is */
  readonly onRefused?: (refusal: Refusal) => void;
  readonly limits?: Partial<Http1Limits>;
  /** Shared with other fronts. @default 65536 connections, of which no address has too many; 1024 more wait; bodies as slow as they like */
  readonly clients?: ClientLimits;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** For a client that was not let in. */
const turnedAway =
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\nThe server is busy.\n';

const defaultClients = { maxConnections: 65_536, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 1_024 };

/** Connections that are looked at for one that is idle, where a new one needs its place. */
const lookedAt = 256;

/** How often a trouble that may come thousands of times a second is logged. */
const quietMs = 10_000;

/** The connections of one front. */
export class Http1Connections implements Acceptor {
  readonly handler: HttpHandler;
  readonly onRefused: (refusal: Refusal) => void;
  readonly limits: Http1Limits;
  readonly clients: ClientLimits;
  readonly log: Log;
  readonly spare: SpareBlock = { block: null };
  readonly fields = new KnownFields();
  readonly spareFrames: SpareFrames = { frames: null };
  readonly clock: Clock;
  isClosing = false;
  readonly #connections: FrontConnection[] = [];
  /** Where the next look for an idle one begins. */
  #lookFrom = 0;
  #tick: Timer | null = null;
  readonly time: FrontTime;
  readonly #waiters: (() => void)[] = [];
  /** Until when a trouble is not logged again. */
  readonly #quietUntil = new Map<string, number>();

  constructor(options: Http1Options) {
    this.handler = options.handler;
    this.onRefused = options.onRefused ?? (() => {});
    this.limits = { ...defaultHttp1Limits, ...options.limits };
    this.clients = options.clients ?? new ClientLimits(defaultClients);
    this.log = options.log ?? silentLog;
    this.clock = options.clock ?? systemClock;
    this.time = new FrontTime(this.clock);
  }

  /** How many are open. */
  get count(): number {
    return this.#connections.length;
  }

  /** Begins to look at deadlines. Repeatable. */
  start(): void {
    if (this.#tick !== null) return;
    this.time.tick();
    this.#tick = this.clock.every(tickMs, () => this.#checkDeadlines());
  }

  stop(): void {
    this.#tick?.cancel();
    this.#tick = null;
  }

  accept(socket: Socket, known: Peer | null = null): Receiver {
    const connection = new Http1Connection(socket, this, known);
    // What there is to do about an error is done on the close that follows.
    socket.on('error', () => {});
    const isIn = this.admit(socket, connection.address, connection, () => connection.wait(), turnedAway);
    if (!isIn) return { received: () => {} };
    return this.#add(socket, connection);
  }

  /** Takes a connection that was let in already, and counts: its handshake is done. */
  acceptAdmitted(socket: Socket, known: Peer): Receiver {
    const connection = new Http1Connection(socket, this, known);
    socket.on('error', () => {});
    this.#add(socket, connection);
    if (this.isClosing) connection.retire();
    return connection;
  }

  /** The same for one that speaks something else, and has said so. */
  take(connection: FrontConnection): void {
    this.#enlist(connection);
    if (this.isClosing) connection.retire();
  }

  /**
   * Lets a new connection in, as long as there is room.
   * @param wait called where others have to go first
   * @param answer for one that is turned away; null: it could not be read there
   * @returns false: it was turned away
   */
  admit(socket: Socket, address: string, waiting: Waiting, wait: () => void, answer: string | null = null): boolean {
    const admission = this.clients.come(address, waiting);
    if (admission === 'too-many' || admission === 'too-many-of-client') {
      this.#tellTurnedAway(address, admission);
      // Written at once or not at all: nobody waits for one who was not let in.
      if (answer !== null) socket.write(answer);
      socket.destroySoon();
      return false;
    }
    if (admission === 'waits') {
      wait();
      const { maxConnections } = this.clients.values;
      this.#warn(
        'waits',
        `a new connection waits: ${this.clients.served} are open, and maxConnections is ${maxConnections}`,
      );
      this.leaveIdle();
    }
    return true;
  }

  #add(socket: Socket, connection: Http1Connection): Receiver {
    this.#enlist(connection);
    socket.setNoDelay(true);
    socket.on('end', () => connection.ended());
    socket.on('finish', () => connection.finished());
    socket.on('close', () => connection.closed());
    return connection;
  }

  #enlist(connection: FrontConnection): void {
    connection.slot = this.#connections.length;
    this.#connections.push(connection);
  }

  #tellTurnedAway(address: string, why: 'too-many' | 'too-many-of-client'): void {
    const { maxConnections, maxConnectionsPerClient, maxWaiting } = this.clients.values;
    const message =
      why === 'too-many'
        ? `a connection was closed as it came: ${maxConnections} are open, which is maxConnections, and ${maxWaiting} wait`
        : `a connection of ${address} was closed as it came: it has ${maxConnectionsPerClient}, which is maxConnectionsPerClient`;
    this.#warn(why, message);
  }

  /** Closes a connection on which nothing is asked: its client may connect again when it has something to ask. @returns false: there is none */
  leaveIdle(): boolean {
    const count = this.#connections.length;
    for (let looked = 0; looked < Math.min(count, lookedAt); looked += 1) {
      this.#lookFrom = (this.#lookFrom + 1) % count;
      if (this.#connections[this.#lookFrom]!.leaveIfIdle()) return true;
    }
    return false;
  }

  acceptFailed(): void {
    this.#warn('accept', 'a connection could not be accepted: the system refused it');
  }

  /** Called by a connection that is closed. */
  removed(connection: FrontConnection): void {
    this.clients.go(connection.address, connection);
    const last = this.#connections.pop();
    if (last !== undefined && last !== connection) {
      this.#connections[connection.slot] = last;
      last.slot = connection.slot;
    }
    if (this.#connections.length === 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Resolves when no connection is open. */
  emptied(): Promise<void> {
    if (this.#connections.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** What runs may end; nothing else begins. */
  retire(): void {
    this.isClosing = true;
    for (const connection of [...this.#connections]) connection.retire();
  }

  destroy(): void {
    this.isClosing = true;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Logs what was no request. A client that means TLS is nobody's malice: somebody wonders why it does not work. */
  tellRefused({ code, message }: PosternError, client: string): void {
    if (code === 'REQUEST_TIMEOUT') {
      this.clients.hit('headTimeout');
      this.#warn('head', `${message} (${client}): see headTimeout`);
    } else if (code === 'TLS_ON_PLAIN_PORT') this.#warn(code, `${message} (${client})`);
    else this.log.debug({ code, client }, `refused a request: ${message}`);
  }

  isTooSlow(rate: number, client: string): boolean {
    const { minBodyRate } = this.clients.values;
    if (rate >= minBodyRate) return false;
    this.clients.hit('minBodyRate');
    this.#warn(
      'rate',
      `a request body of ${client} came with ${Math.round(rate)} bytes a second, less than minBodyRate: ${minBodyRate}`,
    );
    return true;
  }

  tellMisconduct(why: string, client: string): void {
    this.clients.hit('http2');
    this.#warn('http2', `an HTTP/2 connection of ${client} was closed: ${why}`);
  }

  tellStarved(client: string): void {
    this.clients.hit('writeTimeout');
    this.#warn('starved', `an answer was given up: ${client} took nothing of it for as long as writeTimeout`);
  }

  /** Logs a trouble that would otherwise fill the log. */
  #warn(kind: string, message: string): void {
    const now = this.clock.now();
    if (now < (this.#quietUntil.get(kind) ?? Number.NEGATIVE_INFINITY)) return;
    this.#quietUntil.set(kind, now + quietMs);
    this.log.warn({}, message);
  }

  #checkDeadlines(): void {
    const now = this.time.tick();
    // Backwards: one that ends at once is replaced by the last, which has been looked at.
    for (let at = this.#connections.length - 1; at >= 0; at -= 1) this.#connections[at]?.checkDeadline(now);
  }
}
