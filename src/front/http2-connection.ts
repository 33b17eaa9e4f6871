// One HTTP/2 connection (RFC 9113): its socket and its session, whose streams go to the handler as requests, and what it may cost.
//
//   open -> leaving -> ending -> closed       any -> ending, closed

import type { Socket } from 'node:net';
import { beginTurn, endTurn } from '../clock.ts';
import { SocketWriter } from '../connection/plain-socket.ts';
import type { PosternError } from '../errors.ts';
import { ClientWatch } from '../gateway/client-watch.ts';
import type { HttpHandler, Peer } from '../gateway/message.ts';
import type { SpareFrames } from '../http2/frame-writer.ts';
import { errorCodes, type Http2Fault } from '../http2/http2-codes.ts';
import { Http2Session, type SessionOwner } from '../http2/http2-session.ts';
import type { Http2Stream } from '../http2/http2-stream.ts';
import type { Log } from '../log.ts';
import { maxFields } from '../protocol/http/headers.ts';
import { maxHeadBytes } from '../protocol/http/http1-head.ts';
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
  readonly spareFrames: SpareFrames;
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

const sessionLimits = {
  maxStreams,
  streamWindow: 65_536,
  readWindow: 262_144,
  sharedWindow: 2_097_152,
  connectionWindow: 2_097_152,
  // Above our own limits: what is little above them is answered with 431, and not with a reset.
  maxFields: 2 * maxFields,
  maxFieldsBytes: 2 * maxHeadBytes,
};

/** Of what we send, so many bytes are thought to be acknowledged by one. */
const sentForOne = 32;

/** Bytes that may wait for the client before nothing more is read of it: what it asks for is answered, though it takes nothing. */
const mostUnsent = 1_048_576;

/** A connection. */
export class Http2Connection implements ExchangeOwner, FrontConnection, SessionOwner {
  /** Where it is among the front's connections; theirs. */
  slot = -1;
  readonly address: string;
  readonly peer: Peer;
  readonly handler: HttpHandler;
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #session: Http2Session;
  readonly #owner: Http2Owner;
  readonly #exchanges = new Set<Http2Exchange>();
  readonly #manners = new Http2Manners();
  readonly #watch = new ClientWatch();
  readonly #askTaken = (closely: boolean): number => this.taken(closely);
  #sentBytes = 0;
  #isWatching = false;
  /** Until when what runs may go on after the client has closed its side. */
  #halfClosedUntilMs = Number.POSITIVE_INFINITY;
  #state: State = 'open';
  #deadlineMs: number;
  #requests = 0;

  constructor(socket: Socket, peer: Peer, owner: Http2Owner) {
    this.#socket = socket;
    this.peer = peer;
    this.address = peer.remoteAddress;
    this.#owner = owner;
    this.handler = owner.handler;
    this.#deadlineMs = this.#after(owner.clients.values.headTimeoutMs ?? owner.limits.headTimeoutMs);
    this.#writer = new SocketWriter(socket, () => this.#drained());
    this.#session = new Http2Session(this, sessionLimits);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    socket.on('end', () => this.#ended());
    socket.on('finish', () => this.#finished());
    socket.on('close', () => this.#closed());
    this.#session.begin();
    socket.resume();
  }

  /** It never waits: who took it out of its handshake has been let in. */
  enter(): void {}

  get bodyTimeoutMs(): number {
    return this.#owner.limits.bodyTimeoutMs;
  }

  get writeTimeoutMs(): number {
    return this.#owner.limits.writeTimeoutMs;
  }

  get date(): string {
    return this.#owner.time.date;
  }

  get spareFrames(): SpareFrames {
    return this.#owner.spareFrames;
  }

  taken(closely: boolean): number {
    return this.#sentBytes - this.#waitingBytes - (closely ? unsentBytes(this.#socket, true) : 0);
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
    if (byClient) this.wasted();
    if (this.#exchanges.size > 0 || this.#state === 'closed') return;
    const { clients, limits, isClosing } = this.#owner;
    const isLast = isClosing || this.#halfClosedUntilMs < Number.POSITIVE_INFINITY;
    // Its place is wanted.
    if (this.#state === 'open' && (isLast || clients.isWanted)) this.#leave();
    else if (this.#state === 'open')
      this.#deadlineMs = this.#after(clients.values.keepAliveTimeoutMs ?? limits.keepAliveTimeoutMs);
    else if (this.#state === 'leaving') this.#end();
  }

  // What a session tells.

  send(bytes: Buffer): boolean {
    this.#sentBytes += bytes.length;
    const hasRoom = this.#writer.write(bytes);
    if (!hasRoom && this.#waitingBytes > mostUnsent) this.#socket.pause();
    return hasRoom;
  }

  requested(stream: Http2Stream): void {
    const exchange = new Http2Exchange(stream, this);
    this.#exchanges.add(exchange);
    this.#requests += 1;
    const { clients } = this.#owner;
    if (this.#requests === clients.values.maxRequests) {
      clients.hit('maxRequests');
      if (this.#state === 'open') this.#leave();
    }
    exchange.begin();
  }

  controlled(): void {
    if (this.#manners.control()) this.#misbehaves('controls');
  }

  emptied(): void {
    if (this.#manners.empty()) this.#misbehaves('empty-frames');
  }

  wasted(): void {
    if (this.#manners.reset()) this.#misbehaves('resets');
  }

  left(): void {
    if (this.#state === 'open') this.#leave();
  }

  failed(fault: Http2Fault): void {
    if (fault.code === errorCodes.internalError)
      this.#owner.log.error({ error: fault }, `a connection by HTTP/2 was closed: ${fault.message}`);
    else this.#owner.tellMisconduct(fault.message, this.address);
    this.#end();
    this.#linger();
  }

  /** Closes it where nothing was asked since the last answer. @returns whether it did */
  leaveIfIdle(): boolean {
    if (this.#state !== 'open' || this.#requests === 0 || this.#exchanges.size > 0) return false;
    this.#leave();
    return true;
  }

  /** Acts when a deadline has passed. To be called once a second. @param now see `FrontTime.tick` */
  checkDeadline(now: number): void {
    // What is sent on the way would look as if the client took something.
    this.#session.cork();
    try {
      for (const exchange of [...this.#exchanges]) exchange.check(now);
    } finally {
      this.#session.uncork();
    }
    if (this.#state === 'open' || this.#state === 'leaving') {
      const { receivedBytes, usefulBytes } = this.#session;
      const useful = usefulBytes + Math.floor(this.#sentBytes / sentForOne);
      if (this.#manners.second(receivedBytes, useful)) this.#misbehaves('idle-bytes');
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

  #received(bytes: Buffer): void {
    beginTurn();
    try {
      this.#session.receive(bytes);
    } finally {
      endTurn();
    }
  }

  #drained(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#session.drained();
  }

  /** Tells the client to ask for nothing more; what runs comes to its end. */
  #leave(): void {
    this.#move('leaving');
    this.#session.leave();
    if (this.#exchanges.size === 0) this.#end();
  }

  #misbehaves(what: Misconduct): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#owner.tellMisconduct(misconductWords[what], this.address);
    this.#session.end(errorCodes.enhanceYourCalm);
    this.#end();
    this.#linger();
  }

  /** Closes our side, and reads on for a while, so that the client gets to see what was sent last. */
  #end(): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#move('ending');
    // Until all is sent there is none but that of a client that takes nothing.
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#session.close();
    this.#socket.end();
    this.#socket.resume();
  }

  /** Our side is closed, and the client has the time for lingering. One that misbehaves has no more, whatever it was still to get. */
  #linger(): void {
    this.#deadlineMs = this.#after(this.#owner.limits.lingerTimeoutMs);
  }

  /** The last byte was sent. */
  #finished(): void {
    if (this.#state === 'ending') this.#linger();
  }

  /** The client sends nothing more: it can give no more room for answers. */
  #ended(): void {
    if (this.#exchanges.size === 0) this.#socket.destroySoon();
    else this.#halfClosedUntilMs = this.#after(this.#owner.limits.halfClosedTimeoutMs);
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#move('closed');
    this.#session.destroy();
    this.#owner.removed(this);
  }

  /** Whether the client has taken nothing at all of what the socket holds for too long. */
  #isStuck(now: number): boolean {
    const { writeTimeoutMs } = this.#owner.limits;
    if (writeTimeoutMs === 0 || this.#waitingBytes === 0) {
      this.#isWatching = false;
      return false;
    }
    if (this.#isWatching) return this.#watch.isOverdue(now, writeTimeoutMs, this.#askTaken);
    this.#isWatching = true;
    this.#watch.start(now, this.#askTaken);
    return false;
  }

  /** Bytes that the system has not taken. */
  get #waitingBytes(): number {
    return this.#socket.writableLength + unsentBytes(this.#socket);
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
