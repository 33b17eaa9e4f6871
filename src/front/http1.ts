// The HTTP front: a listening socket and its life. HTTP/1.1 is spoken there, and HTTP/2 where a client asks for it.

import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import type { Address } from '../connection/address.ts';
import { type BoundSocket, type ListenChoice, listenOn } from '../connection/listen.ts';
import type { Peer } from '../gateway/message.ts';
import { silentLog } from '../log.ts';
import type { AcceptRoom } from './accept-room.ts';
import type { OpenDoor } from './doors.ts';
import type { H2cDoor } from './h2c-door.ts';
import { type Acceptor, acceptInto } from './http1-accept.ts';
import { Http1Connections, type Http1Options } from './http1-connections.ts';
import { ProxyDoor } from './proxy-door.ts';
import type { TlsCounts, TlsDoor } from './tls-door.ts';

export type { Http1Options };

/** What a front is made of. */
export interface Http1FrontOptions extends Http1Options {
  /** Opens the door of TLS, where that is spoken. @default plain HTTP */
  readonly tls?: OpenDoor<TlsDoor> | null;
  /** Addresses and networks of proxies, where connections begin with the PROXY protocol. @default they do not */
  readonly proxies?: (() => readonly string[]) | null;
  /** How many connections descriptors are left for. @default nobody asks */
  readonly room?: AcceptRoom;
  /** Opens the door for HTTP/2 without TLS, where that may come. @default it may not */
  readonly h2c?: OpenDoor<H2cDoor> | null;
}

/** Connections that may wait to be accepted; the system's own limit (4096 on Linux) holds beside it. */
const backlog = 4_096;

/** Serves HTTP/1.0, HTTP/1.1 and HTTP/2 on one address. */
export class Http1Front {
  readonly #connections: Http1Connections;
  readonly #server: Server;
  readonly #clock: Clock;
  /** null: plain HTTP is spoken. */
  readonly #door: TlsDoor | null;
  readonly #proxyDoor: ProxyDoor | null;
  /** null: HTTP/2 is spoken below TLS alone. */
  readonly #h2cDoor: H2cDoor | null;
  readonly #room: AcceptRoom | null;
  #address: Address | null = null;

  constructor(options: Http1FrontOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#connections = new Http1Connections(options);
    this.#room = options.room ?? null;
    this.#door = options.tls?.(this.#connections) ?? null;
    this.#h2cDoor = options.h2c?.(this.#connections) ?? null;
    const { proxies = null, log = silentLog, clock = systemClock } = options;
    const take = (socket: Socket, peer: Peer | null): void => this.#take(socket, peer);
    this.#proxyDoor = proxies === null ? null : new ProxyDoor({ trusted: proxies, take, log, clock });
    this.#server = createServer({ allowHalfOpen: true });
  }

  /** Where it listens, with the port that was found for port 0; null before `listen`. */
  get address(): Address | null {
    return this.#address;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.count;
  }

  /**
   * Starts listening. A Unix socket gets the mode 0660; one that a dead server left is removed.
   * @returns the address, with the port that was found for port 0
   * @throws ADDRESS_IN_USE, CONFIG_INVALID
   */
  async listen(
    where: Address | BoundSocket,
    { reusePort = false }: Pick<ListenChoice, 'reusePort'> = {},
  ): Promise<Address> {
    this.#room?.add(this.#server, this.#connections);
    this.#address = await listenOn(this.#server, where, { backlog, reusePort });
    const first = this.#proxyDoor ?? this.#h2cDoor;
    const took = (socket: Socket): void => this.#room?.took(socket);
    if (first === null) acceptInto(this.#server, this.#acceptor(), took);
    else {
      this.#server.on('connection', (socket) => {
        first.accept(socket, null);
        took(socket);
      });
    }
    this.#connections.start();
    return this.#address;
  }

  /** The TLS handshakes of this front; null: plain HTTP is spoken. */
  get handshakes(): TlsCounts | null {
    return this.#door?.counts ?? null;
  }

  /** Serves a socket that was accepted elsewhere; it must be open for half-closed clients (`allowHalfOpen`). */
  serve(socket: Socket): void {
    this.#take(socket, null);
    this.#connections.start();
  }

  #acceptor(): Acceptor {
    const door = this.#door;
    if (door === null) return this.#connections;
    return { accept: (socket) => door.accept(socket), acceptFailed: () => this.#connections.acceptFailed() };
  }

  /** @param peer what a proxy said of its client; null: the socket's own */
  #take(socket: Socket, peer: Peer | null): void {
    if (this.#h2cDoor !== null) {
      this.#h2cDoor.accept(socket, peer);
      return;
    }
    const receiver = (this.#door ?? this.#connections).accept(socket, peer);
    socket.on('data', (bytes: Buffer) => receiver.received(bytes));
  }

  /**
   * Stops listening, lets what runs come to its end, and resolves when all connections are closed. Repeatable.
   * @param timeoutMs after so long the rest is destroyed
   */
  async close(timeoutMs: number): Promise<void> {
    this.#server.close();
    this.#proxyDoor?.destroy();
    this.#h2cDoor?.retire();
    this.#connections.retire();
    const timer = this.#clock.after(timeoutMs, () => {
      this.#door?.destroy();
      this.#h2cDoor?.destroy();
      this.#connections.destroy();
    });
    await this.#door?.emptied();
    await this.#h2cDoor?.emptied();
    await this.#connections.emptied();
    timer.cancel();
    this.#connections.stop();
  }

  /** Closes everything at once. Repeatable. */
  destroy(): void {
    this.#server.close();
    this.#proxyDoor?.destroy();
    this.#door?.destroy();
    this.#h2cDoor?.destroy();
    this.#connections.destroy();
    this.#connections.stop();
  }
}
