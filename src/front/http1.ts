// The HTTP/1.1 front: a listening socket, its connections, and one tick for all their deadlines.

import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { type Address, formatAddress } from '../connection/address.ts';
import { PosternError } from '../errors.ts';
import type { HttpHandler } from '../gateway/message.ts';
import { type Log, silentLog } from '../log.ts';
import { type ConnectionOwner, Http1Connection } from './http1-connection.ts';
import { DateLine } from './http1-date.ts';
import { defaultHttp1Limits, type Http1Limits } from './http1-limits.ts';
import { type Acceptor, acceptInto } from './shared-buffer-sockets.ts';

/** What a front is made of. */
export interface Http1Options {
  readonly handler: HttpHandler;
  readonly limits?: Partial<Http1Limits>;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** How often deadlines are looked at: one timer for all connections instead of one each. */
const tickMs = 1_000;

/** Connections that may wait to be accepted; the system's own limit (4096 on Linux) holds beside it. */
const backlog = 4_096;

/** How often a trouble that may come thousands of times a second is logged. */
const quietMs = 10_000;

/** Serves HTTP/1.0 and HTTP/1.1 on one address. */
export class Http1Front {
  readonly #owner: Owner;
  readonly #server: Server;
  #address: Address | null = null;

  constructor(options: Http1Options) {
    this.#owner = new Owner(options);
    this.#server = createServer({ allowHalfOpen: true });
  }

  /** Where it listens, with the port that was found for port 0; null before `listen`. */
  get address(): Address | null {
    return this.#address;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#owner.connections.length;
  }

  /**
   * Starts listening. A Unix socket gets the mode 0660.
   * @returns the address, with the port that was found for port 0
   * @throws ADDRESS_IN_USE, CONFIG_INVALID
   */
  async listen(address: Address): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => reject(listenError(error, address));
      this.#server.once('error', failed);
      this.#server.listen(
        { backlog, ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }) },
        () => {
          this.#server.off('error', failed);
          acceptInto(this.#server, this.#owner);
          resolve();
        },
      );
    });
    if (address.kind === 'unix') chmodSync(address.path, 0o660);
    const bound = this.#server.address();
    this.#address =
      typeof bound === 'object' && bound !== null && address.kind === 'tcp'
        ? { ...address, port: bound.port }
        : address;
    this.#owner.start();
    return this.#address;
  }

  /** Serves a socket that was accepted elsewhere; it must be open for half-closed clients (`allowHalfOpen`). */
  serve(socket: Socket): void {
    socket.on('data', this.#owner.accept(socket));
    this.#owner.start();
  }

  /**
   * Stops listening, lets what runs come to its end, and resolves when all connections are closed. Repeatable.
   * @param timeoutMs after so long the rest is destroyed
   */
  async close(timeoutMs: number): Promise<void> {
    this.#server.close();
    this.#owner.retire();
    const timer = this.#owner.clock.after(timeoutMs, () => this.#owner.destroy());
    await this.#owner.emptied();
    timer.cancel();
    this.#owner.stop();
  }

  /** Closes everything at once. Repeatable. */
  destroy(): void {
    this.#server.close();
    this.#owner.destroy();
    this.#owner.stop();
  }
}

/** What all connections of a front share. */
class Owner implements ConnectionOwner, Acceptor {
  readonly handler: HttpHandler;
  readonly limits: Http1Limits;
  readonly log: Log;
  readonly clock: Clock;
  readonly connections: Http1Connection[] = [];
  isClosing = false;
  readonly #date = new DateLine();
  #tick: Timer | null = null;
  #now: number;
  readonly #waiters: (() => void)[] = [];
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(options: Http1Options) {
    this.handler = options.handler;
    this.limits = { ...defaultHttp1Limits, ...options.limits };
    this.log = options.log ?? silentLog;
    this.clock = options.clock ?? systemClock;
    this.#now = this.clock.now();
  }

  get dateLine(): string {
    return this.#date.at(this.clock.wall());
  }

  /** The clock is read once a tick; the tick that may have nearly passed since is added, so that no deadline is early. */
  deadlineAfter(ms: number): number {
    return this.#now + tickMs + ms;
  }

  start(): void {
    if (this.#tick !== null) return;
    this.#now = this.clock.now();
    this.#tick = this.clock.every(tickMs, () => this.#checkDeadlines());
  }

  stop(): void {
    this.#tick?.cancel();
    this.#tick = null;
  }

  accept(socket: Socket): (bytes: Buffer) => void {
    const connection = new Http1Connection(socket, this);
    connection.slot = this.connections.length;
    this.connections.push(connection);
    socket.setNoDelay(true);
    socket.on('end', () => connection.ended());
    socket.on('drain', () => connection.drained());
    socket.on('finish', () => connection.finished());
    socket.on('close', () => connection.closed());
    // What there is to do about an error is done on the close that follows.
    socket.on('error', () => {});
    return (bytes) => connection.received(bytes);
  }

  mayAccept(): boolean {
    if (this.connections.length < this.limits.maxConnections) return true;
    this.#warn(`a connection was closed as it came: ${this.connections.length} are open, which is maxConnections`);
    return false;
  }

  acceptFailed(): void {
    this.#warn('a connection could not be accepted: the system refused it');
  }

  removed(connection: Http1Connection): void {
    const last = this.connections.pop();
    if (last !== undefined && last !== connection) {
      this.connections[connection.slot] = last;
      last.slot = connection.slot;
    }
    if (this.connections.length === 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Resolves when no connection is open. */
  emptied(): Promise<void> {
    if (this.connections.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  retire(): void {
    this.isClosing = true;
    for (const connection of [...this.connections]) connection.retire();
  }

  destroy(): void {
    this.isClosing = true;
    for (const connection of [...this.connections]) connection.destroy();
  }

  /** Logs a trouble that would otherwise fill the log. */
  #warn(message: string): void {
    if (this.clock.now() < this.#quietUntil) return;
    this.#quietUntil = this.clock.now() + quietMs;
    this.log.warn({}, message);
  }

  #checkDeadlines(): void {
    this.#now = this.clock.now();
    // Backwards: one that ends at once is replaced by the last, which has been looked at.
    for (let at = this.connections.length - 1; at >= 0; at -= 1) this.connections[at]?.checkDeadline(this.#now);
  }
}

function listenError(error: NodeJS.ErrnoException, address: Address): PosternError {
  const where = formatAddress(address);
  if (error.code === 'EADDRINUSE') {
    return new PosternError(
      'ADDRESS_IN_USE',
      `${where} is in use already: stop what listens there, or choose another`,
      { cause: error },
    );
  }
  return new PosternError('CONFIG_INVALID', `cannot listen on ${where}: ${error.message}`, { cause: error });
}
