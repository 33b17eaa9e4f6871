// A listening FastCGI socket and the connections that were accepted on it.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Address } from '../connection/address.ts';
import { clientFilter } from '../connection/client-filter.ts';
import { type InheritedSocket, listenOn } from '../connection/listen.ts';
import { type PosternError, toPosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { ServerConnection } from './server-connection.ts';
import { defaultServerLimits, type ServerLimits } from './server-limits.ts';

/** How a FastCGI server runs. */
export interface FastcgiServerOptions {
  /** Called once for each request; as `Backend.run`. */
  readonly run: (request: CgiRequest, sink: CgiSink) => Exchange;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** IP addresses and networks that may connect over TCP. @default everybody */
  readonly allowedClients?: readonly string[] | undefined;
  /** Connections that the kernel holds before they are accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** Whether other sockets may listen on the same port, each with its share of the connections (SO_REUSEPORT). @default false */
  readonly reusePort?: boolean | undefined;
  readonly clock?: Clock;
  readonly log?: Log;
}

const CHECK_PERIOD_MS = 1_000;

/** Accepts FastCGI connections. */
export class FastcgiServer {
  readonly #options: FastcgiServerOptions;
  readonly #limits: ServerLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #connections = new Set<ServerConnection>();
  #server: Server | null = null;
  #timer: Timer | null = null;
  #isClosing = false;
  /** Resolves what `close()` gave out, when the last connection is gone. */
  #whenEmpty: (() => void) | null = null;

  constructor(options: FastcgiServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultServerLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Requests that are not over. */
  get running(): number {
    let running = 0;
    for (const connection of this.#connections) running += connection.size;
    return running;
  }

  /** Where it listens; null before `listen` and after `close`. The port is the real one where 0 was asked for. */
  get address(): Address | null {
    const address = this.#server?.address() as AddressInfo | string | null | undefined;
    if (address === null || address === undefined) return null;
    if (typeof address === 'string') return { kind: 'unix', path: address };
    return { kind: 'tcp', host: address.address, port: address.port };
  }

  /** The listening socket's descriptor, for threads that accept on it too; null where the system has none. */
  get descriptor(): number | null {
    const handle = (this.#server as unknown as { readonly _handle?: { readonly fd?: number } } | null)?._handle;
    return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : null;
  }

  /**
   * Listens on an address, or on a listening socket that was inherited.
   * @throws ADDRESS_IN_USE, CONFIG_INVALID
   */
  async listen(where: Address | InheritedSocket): Promise<void> {
    const filter = clientFilter(this.#options.allowedClients);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (filter.allows(socket.remoteAddress)) this.#accept(socket);
      else this.#turnAway(socket, 'its address is not among allowedClients');
    });
    const { backlog, reusePort } = this.#options;
    await listenOn(server, where, { backlog, reusePort });
    this.#server = server;
    this.#timer = this.#clock.every(CHECK_PERIOD_MS, () => this.#check());
  }

  /** Accepts no more, lets what runs finish, and resolves when the last connection is closed. Repeatable. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#server?.close();
    this.#server = null;
    for (const connection of this.#connections) connection.close();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#whenEmpty;
        this.#whenEmpty = () => {
          before?.();
          resolve();
        };
      });
    }
    this.#timer?.cancel();
  }

  /**
   * As `close()`, but the descriptor stays open and what still connects is served, one request a connection, until
   * nothing runs: for a listening socket that other threads accept on too, each of which would close the same number.
   */
  async drain(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.close();
    while (this.#connections.size > 0) await new Promise<void>((resolve) => this.#clock.after(5, resolve));
  }

  /** Closes everything now; requests that run are aborted. Repeatable. */
  destroy(error: PosternError | null = null): void {
    this.#server?.close();
    this.#server = null;
    this.#timer?.cancel();
    for (const connection of this.#connections) connection.destroy(error);
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.maxConnections) {
      this.#turnAway(socket, `${this.#limits.maxConnections} connections are open: raise maxConnections`);
      return;
    }
    const connection = new ServerConnection(socket, {
      run: (request, sink) => this.#run(request, sink),
      limits: this.#limits,
      clock: this.#clock,
      onClose: (closed, error, lost) => this.#closed(closed, error, lost),
    });
    this.#connections.add(connection);
    connection.start();
  }

  #turnAway(socket: Socket, why: string): void {
    this.#log.warn({ remoteAddress: socket.remoteAddress }, `closed a new FastCGI connection: ${why}`);
    socket.destroy();
  }

  /** A handler that throws is answered for: thrown out of the socket's event, it would end the process. */
  #run(request: CgiRequest, sink: CgiSink): Exchange {
    try {
      return this.#options.run(request, sink);
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.#log.error({ code: error.code, err: thrown }, `the handler of a request failed: ${error.message}`);
      sink.fail(error);
      return { resume: () => {}, abort: () => {} };
    }
  }

  #closed(connection: ServerConnection, error: PosternError | null, lost: number): void {
    this.#connections.delete(connection);
    if (error !== null) {
      // A peer that has its answers may close as it likes, with a reset as well.
      const level = error.code === 'CONNECTION_LOST' && lost === 0 ? 'debug' : 'warn';
      this.#log[level]({ code: error.code }, `closed a FastCGI connection: ${error.message}`);
    }
    if (this.#isClosing && this.#connections.size === 0) this.#whenEmpty?.();
  }

  #check(): void {
    const now = this.#clock.now();
    for (const connection of this.#connections) connection.check(now);
  }
}
