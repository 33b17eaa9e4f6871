// The TLS handshakes of a front: a connection is read until its client has said which site it came for, is answered with that site's
// certificate, and goes on to whoever speaks the protocol that both agreed on.
//
//   waiting <-> greeting -> shaking -> done        any -> closed
//
// The library can be asked for a certificate by name, but then all else is settled already: whether a client certificate is asked for,
// which sessions are resumed, which protocols are offered. A session that was made for one site must not open another one
// (CVE-2025-23419), so the hello is read first, and each site has a context of its own.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { Receiver } from '../connection/plain-socket.ts';
import { PosternError } from '../errors.ts';
import type { Peer } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { type ClientHello, maxHelloBytes, readClientHello } from '../protocol/tls/client-hello.ts';
import type { Waiting } from './client-limits.ts';
import { peerOf, plainAddress } from './client-socket.ts';
import { formatRefusal } from './http1-refusal.ts';
import { renewTickets } from './ticket-renewal.ts';
import { type TlsContext, type TlsContexts, TlsServers } from './tls-contexts.ts';

/** Takes a connection whose handshake is done. @param peer what is known of its client */
export type TakeSecured = (socket: TLSSocket, peer: Peer) => void;

/** What a door is made with. */
export interface TlsDoorOptions {
  /** Asked with each connection, since what it holds may change. */
  readonly contexts: TlsContexts;
  /** Protocols by their ALPN name, the best first, with who takes their connections; a client that names none gets HTTP/1.1. HTTP/2 belongs before that. */
  readonly protocols: ReadonlyMap<string, TakeSecured>;
  /** Whether a new connection may come in now; where it must wait, it is told to `enter` later; false: it was turned away. */
  readonly admit: (socket: Socket, address: string, waiting: Waiting, wait: () => void) => boolean;
  /** A connection that came in has gone before its handshake was done. */
  readonly left: (address: string, waiting: Waiting) => void;
  readonly log: Log;
  readonly clock?: Clock;
  /** From the connection's beginning to the end of its handshake. @default 10000 */
  readonly handshakeTimeoutMs?: number;
}

/** Handshakes since the start. */
export interface TlsCounts {
  full: number;
  resumed: number;
  failed: number;
}

type State = 'waiting' | 'greeting' | 'shaking' | 'done' | 'closed';

const moves: Readonly<Record<State, readonly State[]>> = {
  waiting: ['greeting', 'closed'],
  greeting: ['waiting', 'shaking', 'closed'],
  shaking: ['done', 'closed'],
  done: [],
  closed: [],
};

const tickMs = 1_000;

/** How often a fault that each connection may bring is logged. */
const quietMs = 10_000;

/** The door of one front. */
export class TlsDoor {
  readonly counts: TlsCounts = { full: 0, resumed: 0, failed: 0 };
  readonly #options: TlsDoorOptions;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #servers: TlsServers;
  readonly #open = new Set<Handshake>();
  /** By the socket below that of the library. */
  readonly #shaking = new WeakMap<Socket, Handshake>();
  readonly #waiters: (() => void)[] = [];
  #tick: Timer | null = null;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: TlsDoorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.handshakeTimeoutMs ?? 10_000;
    const offered = [...options.protocols.keys()];
    this.#servers = new TlsServers((own, context) => this.#makeServer({ ALPNProtocols: offered, ...own }, context));
  }

  /** Takes a new connection. @param peer what a proxy said of its client; null: nothing, it is its own */
  accept(socket: Socket, peer: Peer | null = null): Receiver {
    const handshake = new Handshake(socket, peer, this);
    socket.on('error', () => {});
    if (!this.#options.admit(socket, handshake.address, handshake, () => handshake.wait())) {
      return { received: () => {} };
    }
    this.#open.add(handshake);
    this.#tick ??= this.#clock.every(tickMs, () => this.#checkDeadlines());
    handshake.start();
    return handshake;
  }

  /** Resolves when no handshake is on its way. */
  emptied(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  destroy(): void {
    for (const handshake of [...this.#open]) handshake.destroy();
  }

  /** When a handshake that begins now is overdue. */
  deadline(): number {
    return this.#clock.now() + this.#timeoutMs;
  }

  /** The hello came. */
  shake(handshake: Handshake, socket: Socket, hello: ClientHello): void {
    this.#shaking.set(socket, handshake);
    try {
      const context = this.#options.contexts.contextFor(hello);
      if (context instanceof Promise) {
        context.then((made) => this.#answer(socket, made)).catch((error: Error) => this.#cannotAnswer(socket, error));
      } else this.#answer(socket, context);
    } catch (error) {
      this.#cannotAnswer(socket, error as Error);
    }
  }

  #answer(socket: Socket, context: TlsContext | null): void {
    if (socket.destroyed) return;
    if (context === null) socket.destroy();
    else this.#servers.of(context).emit('connection', socket);
  }

  /** Somebody typed http:// for https://, and is told so. */
  refusePlain(socket: Socket): void {
    const error = new PosternError('PLAIN_ON_TLS_PORT', 'plain HTTP came to a port where TLS is spoken');
    socket.resume();
    socket.end(formatRefusal(error, `Date: ${new Date(this.#clock.wall()).toUTCString()}\r\n`).text, 'latin1');
  }

  /** A handshake is over, and its connection is somebody else's, or closed. */
  over(handshake: Handshake, isDone: boolean): void {
    this.#open.delete(handshake);
    if (!isDone) {
      this.counts.failed += 1;
      this.#options.left(handshake.address, handshake);
    }
    if (this.#open.size > 0) return;
    this.#tick?.cancel();
    this.#tick = null;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** What went wrong on our side is told now and then, since each connection may bring it. */
  #cannotAnswer(socket: Socket, error: Error): void {
    socket.destroy();
    const now = this.#clock.now();
    if (now - this.#saidAtMs < quietMs) return;
    this.#saidAtMs = now;
    this.#options.log.error({}, `a TLS connection could not be answered: ${error.message}`);
  }

  #makeServer(options: object, context: TlsContext): Server {
    // Its own limit stands above ours, which counts from the connection's beginning.
    const server = createServer({ ...options, handshakeTimeout: 2 * this.#timeoutMs });
    if (context.ticketKeys !== null) renewTickets(server, context.ticketKeys);
    server.on('secureConnection', (socket) => this.#secured(socket, context));
    server.on('tlsClientError', (error, socket) => {
      const client = plainAddress(socket.remoteAddress);
      this.#options.log.debug({ client, code: (error as NodeJS.ErrnoException).code }, 'a TLS handshake failed');
    });
    return server;
  }

  #secured(socket: TLSSocket, context: TlsContext): void {
    // Node keeps what it wraps there, and tells it no other way.
    const below = (socket as unknown as { readonly _parent?: Socket })._parent;
    const handshake = below === undefined ? undefined : this.#shaking.get(below);
    const take = this.#options.protocols.get(socket.alpnProtocol || 'http/1.1');
    // A protocol that is no more than its handshake (RFC 8737, 3) ends with it.
    if (handshake === undefined || take === undefined) {
      socket.end();
      return;
    }
    this.counts[socket.isSessionReused() ? 'resumed' : 'full'] += 1;
    const peer = { ...(handshake.peer ?? peerOf(below!, true)), secure: true, tls: context.describe(socket) };
    handshake.finish();
    take(socket, peer);
  }

  #checkDeadlines(): void {
    const now = this.#clock.now();
    for (const handshake of [...this.#open]) handshake.checkDeadline(now);
  }
}

/** What a method begins with, and no handshake. */
const isLetter = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x41 && byte <= 0x7a;

/** One connection until its handshake is done. */
class Handshake implements Waiting, Receiver {
  readonly address: string;
  readonly peer: Peer | null;
  readonly #socket: Socket;
  readonly #door: TlsDoor;
  #deadlineMs: number;
  #state: State = 'greeting';
  /** What came is no TLS, and was refused. */
  #isPlain = false;
  /** What came of the hello. */
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, peer: Peer | null, door: TlsDoor) {
    this.#socket = socket;
    this.peer = peer;
    this.address = peer?.remoteAddress ?? plainAddress(socket.remoteAddress);
    this.#door = door;
    this.#deadlineMs = door.deadline();
  }

  /** Others have to go first. */
  wait(): void {
    this.#move('waiting');
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** See Waiting. */
  enter(): void {
    if (this.#state !== 'waiting') return;
    this.#move('greeting');
    this.#deadlineMs = this.#door.deadline();
    this.#socket.resume();
  }

  start(): void {
    this.#socket.on('close', this.#closed);
    this.#socket.on('end', this.#ended);
    if (this.#state === 'waiting') this.#socket.pause();
  }

  checkDeadline(now: number): void {
    if (now >= this.#deadlineMs) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The connection is somebody else's now. */
  finish(): void {
    this.#move('done');
    this.#socket.off('close', this.#closed);
    this.#door.over(this, true);
  }

  readonly #closed = (): void => {
    if (this.#state === 'done' || this.#state === 'closed') return;
    this.#move('closed');
    this.#door.over(this, false);
  };

  /** A client that says nothing more before it has said all is none. */
  readonly #ended = (): void => {
    if (this.#state === 'greeting' || this.#state === 'waiting') this.#socket.destroy();
  };

  /** The client sent bytes, which are lent. */
  received(chunk: Buffer): void {
    if (this.#state !== 'greeting') return;
    if (this.#bytes.length === 0 && isLetter(chunk[0])) {
      this.#isPlain = true;
      this.#door.refusePlain(this.#socket);
    }
    if (this.#isPlain) return;
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk]);
    const hello = readClientHello(this.#bytes);
    if (hello === 'more' && this.#bytes.length <= maxHelloBytes) return;
    this.#move('shaking');
    this.#socket.off('end', this.#ended);
    this.#socket.pause();
    this.#socket.unshift(this.#bytes);
    this.#bytes = Buffer.alloc(0);
    this.#door.shake(this, this.#socket, hello === 'more' ? { serverName: null, protocols: [] } : hello);
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a handshake cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
