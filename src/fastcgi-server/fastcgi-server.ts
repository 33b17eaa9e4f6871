// A listening FastCGI socket and the connections that were accepted on it.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { AddressList } from '../address-list.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Address } from '../connection/address.ts';
import { type BoundSocket, type InheritedSocket, listenOn } from '../connection/listen.ts';
import { type Given, withDefaults } from '../defaults.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { CgiRequest, Exchange } from '../protocol/cgi/exchange.ts';
import { ServerConnection } from './server-connection.ts';
import type { ServerSink } from './server-exchange.ts';
import { defaultServerLimits, type ServerLimits } from './server-limits.ts';

/** How a FastCGI server runs. */
export interface FastcgiServerOptions {
  /** Called once for each request; as `Backend.run`. `peer`: the IP address of the web server, empty for a Unix socket. */
  readonly run: (request: CgiRequest, sink: ServerSink, peer: string) => Exchange;
  readonly limits?: Given<ServerLimits> | undefined;
  /** IP addresses and networks that may connect over TCP. @default everybody */
  readonly allowedClients?: readonly string[] | undefined;
  /** Whether an answer says a plain 200; a web server keeps the status of its own error page over one that does not. @default true */
  readonly saysOk?: boolean;
  /** Connections that the kernel holds before they are accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** Whether other sockets may listen on the same port, each with its share of the connections (SO_REUSEPORT). @default false */
  readonly reusePort?: boolean | undefined;
  /** Told of the server before it listens. @default nobody is */
  readonly onServer?: ((server: Server) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Log | undefined;
}

const CHECK_PERIOD_MS = 1_000;
/** How often a server that is halted looks whether something runs. */
const haltLookMs = 5;
/** A connection that was just accepted is waited for so long before it is closed: its request is on its way. */
const FIRST_REQUEST_MS = 500;

/**
 * `new`: does not listen. `opening`: is about to. `listening`. `draining`: the socket is open, and what connects is served one request. `refusing`: it is open, and what
 * connects is refused.
 * `closing`: it is closed, and what runs ends. `closed`: nothing is left.
 */
type ServerState = 'new' | 'opening' | 'listening' | 'draining' | 'refusing' | 'closing' | 'closed';

const moves: Readonly<Record<ServerState, readonly ServerState[]>> = {
  new: ['opening', 'closed'],
  opening: ['new', 'listening', 'closed'],
  listening: ['draining', 'refusing', 'closing', 'closed'],
  draining: ['closing', 'closed'],
  refusing: ['closed'],
  closing: ['closed'],
  closed: [],
};

/** Accepts FastCGI connections. */
export class FastcgiServer {
  readonly #options: FastcgiServerOptions;
  readonly #limits: ServerLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #connections = new Set<ServerConnection>();
  #server: Server | null = null;
  /** What was bound for it; null where that is not known. */
  #bound: Address | null = null;
  #timer: Timer | null = null;
  #state: ServerState = 'new';
  /** Resolve when the last connection is gone. */
  #whenEmpty: (() => void)[] = [];

  constructor(options: FastcgiServerOptions) {
    this.#options = options;
    this.#limits = withDefaults(defaultServerLimits, options.limits);
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
    // A socket file that was inherited has no name.
    if (address === null || address === undefined) return this.#server === null ? null : this.#bound;
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
  async listen(where: Address | InheritedSocket | BoundSocket): Promise<void> {
    const { allowedClients, backlog, reusePort } = this.#options;
    const allowed = allowedClients === undefined ? null : new AddressList(allowedClients, 'allowedClients');
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const { remoteAddress } = socket;
      // Unix sockets have no address: there the file's permissions decide.
      const isAllowed = allowed === null || remoteAddress === undefined || allowed.has(remoteAddress);
      if (isAllowed) this.#accept(socket);
      else this.#turnAway(socket, 'its address is not among allowedClients');
    });
    this.#options.onServer?.(server);
    this.#move('opening');
    try {
      this.#bound = await listenOn(server, where, { backlog, reusePort });
    } catch (thrown) {
      if (this.#state === 'opening') this.#move('new');
      throw thrown;
    }
    if (this.#state !== 'opening') {
      server.close();
      throw new PosternError('POOL_CLOSING', 'the server was closed before it listened');
    }
    this.#move('listening');
    this.#server = server;
    this.#timer = this.#clock.every(CHECK_PERIOD_MS, () => this.#check());
  }

  /** Accepts no more, lets what runs finish, and resolves when the last connection is closed. Repeatable. */
  async close(): Promise<void> {
    if (this.#state === 'listening' || this.#state === 'draining') {
      this.#move('closing');
      this.#closeSocket();
      this.#closeConnections();
    }
    await this.#emptied();
    if (this.#state !== 'closed') this.#move('closed');
    this.#timer?.cancel();
  }

  /**
   * As `close()`, but the descriptor stays open and what still connects is served, one request a connection, until
   * nothing runs: for a listening socket that other threads accept on too, each of which would close the same number.
   */
  async drain(): Promise<void> {
    if (this.#state === 'listening') this.#move('draining');
    this.#closeConnections();
    await this.#emptied();
  }

  /**
   * Begins no more, and resolves when what runs is over. For a process that ends then, and not otherwise.
   * @param isRefusing whether what comes meanwhile is refused, for a process manager that has it run elsewhere at once. Else it stays unread, so that the end of
   * the process tells whoever sent it that nobody began it (ECONNRESET on a Unix socket).
   */
  async halt(isRefusing: boolean): Promise<void> {
    if (this.#state === 'listening') this.#move(isRefusing ? 'refusing' : 'closing');
    if (!isRefusing) this.#closeSocket();
    for (const connection of this.#connections) connection.halt(isRefusing);
    while ([...this.#connections].some(({ isQuiet }) => !isQuiet))
      await new Promise<void>((resolve) => void this.#clock.after(haltLookMs, resolve));
  }

  /** Closes everything now; requests that run are aborted. Repeatable. */
  destroy(error: PosternError | null = null): void {
    if (this.#state !== 'closed') this.#move('closed');
    this.#closeSocket();
    this.#timer?.cancel();
    for (const connection of this.#connections) connection.destroy(error);
  }

  /** A web server that connects for each request, as most do, would lose the request with the connection: the first one is answered. */
  #closeConnections(): void {
    for (const connection of this.#connections) {
      if (connection.isNew) {
        connection.isLast = true;
        this.#clock.after(FIRST_REQUEST_MS, () => connection.close());
      } else {
        connection.close();
      }
    }
  }

  #closeSocket(): void {
    this.#server?.close();
    this.#server = null;
  }

  async #emptied(): Promise<void> {
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  #move(to: ServerState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a FastCGI server cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.maxConnections) {
      this.#turnAway(socket, `${this.#limits.maxConnections} connections are open: raise maxConnections`);
      return;
    }
    const peer = peerAddress(socket, this.address?.kind === 'unix');
    const connection = new ServerConnection(socket, {
      run: (request, sink) => this.#run(request, sink, peer),
      limits: this.#limits,
      saysOk: this.#options.saysOk ?? true,
      clock: this.#clock,
      isLast: this.#state === 'draining',
      onClose: (closed, error, lost) => this.#closed(closed, error, lost),
    });
    this.#connections.add(connection);
    connection.start();
    if (this.#state === 'refusing') connection.halt(true);
  }

  #turnAway(socket: Socket, why: string): void {
    this.#log.warn({ remoteAddress: socket.remoteAddress }, `closed a new FastCGI connection: ${why}`);
    socket.destroy();
  }

  /** A handler that throws is answered for: thrown out of the socket's event, it would end the process. */
  #run(request: CgiRequest, sink: ServerSink, peer: string): Exchange {
    try {
      return this.#options.run(request, sink, peer);
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
    if (this.#connections.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #check(): void {
    const now = this.#clock.now();
    for (const connection of this.#connections) connection.check(now);
  }
}

/**
 * The addresses in a value of FCGI_WEB_SERVER_ADDRS, which a web server puts in the environment of what it spawns (FastCGI 1.0,
 * section 3.2); undefined: everybody may connect.
 */
export function webServerAddresses(value: string | undefined): string[] | undefined {
  const addresses = value?.split(',').map((entry) => entry.trim());
  return addresses?.some((entry) => entry !== '') ? addresses.filter((entry) => entry !== '') : undefined;
}

/** A socket over TCP that is gone by now has no address either: it must not pass for one of the file system. */
function peerAddress({ remoteAddress }: Socket, isUnix: boolean): string {
  if (remoteAddress === undefined) return isUnix ? '' : 'unknown';
  // An IPv4 peer of a socket that listens on "::" is told as IPv4: lists of addresses are written so.
  return remoteAddress.startsWith('::ffff:') && remoteAddress.includes('.') ? remoteAddress.slice(7) : remoteAddress;
}
