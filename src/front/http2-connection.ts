// One HTTP/2 connection (RFC 9113), on the library's session: its streams go to the handler as requests, and what it may cost is limited.
//
//   open -> leaving -> ending -> closed       any -> ending, closed

import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { PosternError } from '../errors.ts';
import { ClientWatch } from '../gateway/client-watch.ts';
import type { HttpHandler, Peer } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { fieldsBytes, maxFields } from '../protocol/http/headers.ts';
import { maxHeadBytes } from '../protocol/http/http1-head-reader.ts';
import { unsentBytes } from './client-socket.ts';
import type { Refusal } from './http1-refusal.ts';
import type { DeadlineOwner, FrontConnection } from './http1-states.ts';
import { type ExchangeOwner, Http2Exchange } from './http2-exchange.ts';
import { Http2Manners, type Misconduct, misconductWords } from './http2-manners.ts';

/** What a connection needs of its front. */
export interface Http2Owner extends DeadlineOwner {
  readonly handler: HttpHandler;
  readonly onRefused: (refusal: Refusal) => void;
  readonly log: Log;
  readonly isClosing: boolean;
  tellRefused(error: PosternError, client: string): void;
  isTooSlow(rate: number, client: string): boolean;
  /** A connection is closed, since its client misbehaves. */
  tellMisconduct(why: string, client: string): void;
  /** An answer is given up, since its client takes nothing of it. */
  tellStarved(client: string): void;
  removed(connection: FrontConnection): void;
}

/** open: takes requests. leaving: the client was told to send no more. ending: our side is closed. */
type State = 'open' | 'leaving' | 'ending' | 'closed';

const moves: Readonly<Record<State, readonly State[]>> = {
  open: ['leaving', 'ending', 'closed'],
  leaving: ['ending', 'closed'],
  ending: ['closed'],
  closed: [],
};

/** Requests at a time. Browsers send no more than 100; what is above is refused, and may be sent again. */
export const maxStreams = 128;

/** Bytes that a client may send ahead of their reader: of one stream, and of all. */
const streamWindow = 262_144;
const connectionWindow = 1_048_576;

/** Frames of little use that one connection may send, each kind, before it is closed by the library: invalid ones, and streams above the limit. */
const mostInvalid = 200;

/** What the library may hold for one connection: a part of each of its answers, and what came ahead of its readers. Above it the next request is refused. */
const mostMegabytes = 32;

const sessionOptions = {
  settings: {
    maxConcurrentStreams: maxStreams,
    initialWindowSize: streamWindow,
    // Above our own limit: what is little above it is answered with 431, and not with a reset.
    maxHeaderListSize: 2 * maxHeadBytes,
  },
  maxHeaderListPairs: 2 * maxFields,
  // Above what the header of a program may have: of one that is larger the client would get a reset, and we would hear nothing.
  maxSendHeaderBlockLength: 16 * maxHeadBytes,
  maxSessionInvalidFrames: mostInvalid,
  maxSessionRejectedStreams: mostInvalid,
  maxSettings: 32,
  maxOutstandingSettings: 4,
  maxSessionMemory: mostMegabytes,
  strictSingleValueFields: false,
};

/** Of what we send, so many bytes are thought to be acknowledged by one. */
const sentForOne = 32;

/** A session. */
export class Http2Connection implements ExchangeOwner, FrontConnection {
  /** Where it is among the front's connections; theirs. */
  slot = -1;
  readonly address: string;
  readonly peer: Peer;
  readonly handler: HttpHandler;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #owner: Http2Owner;
  readonly #exchanges = new Set<Http2Exchange>();
  readonly #manners = new Http2Manners();
  readonly #watch = new ClientWatch();
  readonly #askTaken = (closely: boolean): number => unsentBytes(this.#socket, closely);
  #isWatching = false;
  /** Until when what runs may go on after the client has closed its side. */
  #halfClosedUntilMs = Number.POSITIVE_INFINITY;
  #state: State = 'open';
  #deadlineMs: number;
  #requests = 0;
  /** Bytes of fields and bodies. */
  #useful = 0;

  constructor(socket: Socket, peer: Peer, owner: Http2Owner) {
    this.#socket = socket;
    this.peer = peer;
    this.address = peer.remoteAddress;
    this.#owner = owner;
    this.handler = owner.handler;
    this.#deadlineMs = this.#after(owner.clients.values.headTimeoutMs ?? owner.limits.headTimeoutMs);
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#closed());
    const session = performServerHandshake(socket, sessionOptions);
    this.#session = session;
    session.setLocalWindowSize(connectionWindow);
    session.on('stream', (stream, _headers, _flags, raw) => this.#begin(stream, raw as unknown as string[]));
    session.on('ping', () => this.#control());
    session.on('remoteSettings', () => this.#control());
    session.on('goaway', () => this.#left());
    session.on('error', (error) => this.#failed(error));
  }

  /** It never waits: who took it out of its handshake has been let in. */
  enter(): void {}

  get bodyTimeoutMs(): number {
    return this.#owner.limits.bodyTimeoutMs;
  }

  get writeTimeoutMs(): number {
    return this.#owner.limits.writeTimeoutMs;
  }

  unsent(closely: boolean): number {
    return unsentBytes(this.#socket, closely);
  }

  received(bytes: number): void {
    this.#useful += bytes;
  }

  isTooSlow(rate: number): boolean {
    return this.#owner.isTooSlow(rate, this.address);
  }

  refused(error: PosternError, bytes: number): void {
    this.#owner.tellRefused(error, this.address);
    this.#owner.onRefused({ error, remoteAddress: this.address, bytes });
  }

  threw(error: PosternError): void {
    this.#owner.log.error({ error }, `the handler of a request threw: ${error.message}`);
  }

  starved(): void {
    this.#owner.tellStarved(this.address);
  }

  over(exchange: Http2Exchange, byClient: boolean): void {
    this.#exchanges.delete(exchange);
    if (byClient && this.#manners.reset()) this.#misbehaves('resets');
    if (this.#exchanges.size > 0 || this.#state === 'closed') return;
    const { clients, limits, isClosing } = this.#owner;
    const isLast = isClosing || this.#halfClosedUntilMs < Number.POSITIVE_INFINITY;
    // Its place is wanted.
    if (this.#state === 'open' && (isLast || clients.waiting.size > 0)) this.#leave();
    if (this.#state !== 'open') this.#deadlineMs = this.#after(limits.lingerTimeoutMs);
    else this.#deadlineMs = this.#after(clients.values.keepAliveTimeoutMs ?? limits.keepAliveTimeoutMs);
  }

  /** Closes it where nothing was asked since the last answer. @returns whether it did */
  leaveIfIdle(): boolean {
    if (this.#state !== 'open' || this.#requests === 0 || this.#exchanges.size > 0) return false;
    this.#leave();
    return true;
  }

  /** Acts when a deadline has passed. To be called once a second. @param now see `FrontTime.tick` */
  checkDeadline(now: number): void {
    for (const exchange of [...this.#exchanges]) exchange.check(now);
    if (this.#state === 'open' || this.#state === 'leaving') {
      const { bytesRead, bytesWritten } = this.#socket;
      const useful = this.#useful + Math.floor(bytesWritten / sentForOne);
      if (this.#manners.second(bytesRead, useful)) this.#misbehaves('idle-bytes');
    }
    if (this.#isStuck(now) || now >= this.#halfClosedUntilMs) this.#socket.destroy();
    else if (this.#exchanges.size === 0 && now >= this.#deadlineMs) {
      if (this.#state === 'open') this.#leave();
      else this.#socket.destroy();
    }
  }

  /** The front is closing: what runs may end. A connection on which nothing came yet may have its first request on the way. */
  retire(): void {
    if (this.#state !== 'open') return;
    if (this.#requests === 0) this.#deadlineMs = this.#after(1_000);
    else this.#leave();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #begin(stream: ServerHttp2Stream, raw: readonly string[]): void {
    this.#useful += fieldsBytes(raw);
    // Reset as soon as it came: no handler is asked.
    if (stream.destroyed || stream.closed) {
      if (this.#manners.reset()) this.#misbehaves('resets');
      return;
    }
    if (this.#state !== 'open' && this.#state !== 'leaving') return;
    this.#requests += 1;
    const { clients } = this.#owner;
    if (this.#requests === clients.values.maxRequests) {
      clients.hit('maxRequests');
      this.#leave();
    }
    const exchange = new Http2Exchange(stream, this);
    this.#exchanges.add(exchange);
    exchange.begin(raw);
  }

  #control(): void {
    if (this.#manners.control()) this.#misbehaves('controls');
  }

  /** Tells the client to ask for nothing more; what runs comes to its end. */
  #leave(): void {
    this.#move('leaving');
    this.#deadlineMs = this.#after(this.#owner.limits.lingerTimeoutMs);
    this.#session.close();
  }

  /** The client asks for nothing more. */
  #left(): void {
    if (this.#state !== 'open') return;
    this.#move('leaving');
    this.#deadlineMs = this.#after(this.#owner.limits.lingerTimeoutMs);
  }

  #misbehaves(what: Misconduct): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#owner.tellMisconduct(misconductWords[what], this.address);
    this.#move('ending');
    this.#deadlineMs = this.#after(this.#owner.limits.lingerTimeoutMs);
    this.#session.destroy(new Error(misconductWords[what]), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** The library has ended the session, and its socket; or the client has said that we made a fault, or is gone. */
  #failed(error: NodeJS.ErrnoException): void {
    const isByLibrary = error.code?.startsWith('ERR_HTTP2') === true && error.code !== 'ERR_HTTP2_SESSION_ERROR';
    if (isByLibrary) this.#owner.tellMisconduct(error.message, this.address);
  }

  /** The client sends nothing more: it can give no more room for answers. */
  #ended(): void {
    if (this.#exchanges.size === 0) this.#socket.destroy();
    else this.#halfClosedUntilMs = this.#after(this.#owner.limits.halfClosedTimeoutMs);
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#move('closed');
    for (const exchange of [...this.#exchanges]) exchange.destroy();
    this.#exchanges.clear();
    this.#owner.removed(this);
  }

  /** Whether the client has taken nothing at all of what the socket holds for too long. */
  #isStuck(now: number): boolean {
    const { writeTimeoutMs } = this.#owner.limits;
    if (writeTimeoutMs === 0 || unsentBytes(this.#socket) === 0) {
      this.#isWatching = false;
      return false;
    }
    if (this.#isWatching) return this.#watch.isOverdue(now, writeTimeoutMs, this.#askTaken);
    this.#isWatching = true;
    this.#watch.start(now, this.#askTaken);
    return false;
  }

  /** @param ms 0: never */
  #after(ms: number): number {
    return ms === 0 ? Number.POSITIVE_INFINITY : this.#owner.time.deadlineAfter(ms);
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a connection cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
