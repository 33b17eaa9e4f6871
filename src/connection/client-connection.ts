// A connection to a FastCGI application: one socket that carries one request at a time, or several where the application can.
//
//   connecting -> open -> draining -> closed        each may go to closed, and connecting to draining

import type { Socket } from 'node:net';
import { raise, type Timer } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { KnownHeads } from '../protocol/cgi/cgi-output.ts';
import type { CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import { bodilessRequest } from '../protocol/fastcgi/bodiless-request.ts';
import { type ApplicationValues, STDIN, valueNames } from '../protocol/fastcgi/record.ts';
import { type Address, formatAddress } from './address.ts';
import { BodySender, type BodyTarget } from './body-sender.ts';
import {
  type Carrier,
  type ClientExchange,
  type EndedRequest,
  RecordExchange,
  RunningExchanges,
} from './client-exchange.ts';
import { type ConnectionOptions, defaultConnectionOptions } from './connection-options.ts';
import { dial, ReadBuffers } from './dial.ts';
import { lossError } from './lost-connection.ts';
import { AnswerReader, Outgoing } from './record-traffic.ts';
import { WriteDeadline } from './write-deadline.ts';

/**
 * `connecting`: dialled; requests may be run already. `open`: it stands. `draining`: takes no more requests, and closes when those that
 * run have ended. `closed`: gone.
 */
export type ConnectionState = 'connecting' | 'open' | 'draining' | 'closed';

const moves: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  connecting: ['open', 'draining', 'closed'],
  open: ['draining', 'closed'],
  draining: ['closed'],
  closed: [],
};

/**
 * Who opened a connection, and is told what becomes of it. Called synchronously: also from within `abort()`, `close()` and
 * `destroy()`, never from within `open()` or `run()`.
 */
export interface ConnectionOwner {
  /** The program is done with a request (see `exchange.error` and `hasEnded`); the sink was told before. `isReusable` says whether another may follow. */
  released(connection: ClientConnection, exchange: ClientExchange): void;
  /** The connection is gone; nothing is called after this. @param error null: it was idle, or closed by us */
  closed(connection: ClientConnection, error: PosternError | null): void;
  /**
   * The application sent records for a request that had ended: something that a script forked writes on. They are dropped, what runs
   * goes on, and the connection takes no more requests. Called once a connection. @param of that request; null: it ended too long ago
   */
  straggled?(connection: ClientConnection, of: EndedRequest | null): void;
}

/** See the file's first line. Made by `open()`; requests may be run at once, before the connection stands. */
export class ClientConnection {
  readonly address: Address;
  readonly #owner: ConnectionOwner;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  readonly #carrier: Carrier;
  readonly #bodyTarget: BodyTarget;
  readonly #outgoing: Outgoing;
  readonly #exchanges = new RunningExchanges();
  readonly #heads = new KnownHeads();
  /** Who waits for the answer to GET_VALUES. */
  #rejectValues: ((error: PosternError) => void) | null = null;
  #state: ConnectionState = 'connecting';
  #connectTimer: Timer | null = null;
  #connectedAtMs: number | null = null;

  private constructor(address: Address, owner: ConnectionOwner, options: ConnectionOptions) {
    this.address = address;
    this.#owner = owner;
    this.#options = options;
    this.#reader = new AnswerReader(this.#exchanges, (of) => this.#straggled(of));
    this.#carrier = {
      tellsFailures: options.tellsFailures,
      unblocked: () => this.#updateReading(),
      abandoned: (exchange) => this.#abandon(exchange),
    };
    this.#socket = dial(address, { received: (chunk) => this.#read(chunk) }, options.buffers ?? new ReadBuffers());
    // An application that waits for us to read its answer cannot read: that is our reader's doing.
    const isCounted = (): boolean => !this.#isBlocked();
    const { clock, writeTimeoutMs } = options;
    const deadline = new WriteDeadline(this.#socket, clock, writeTimeoutMs, isCounted, () => this.#stalled());
    this.#outgoing = new Outgoing(this.#socket, deadline, () => this.#drained());
    this.#bodyTarget = { outgoing: this.#outgoing, bodyFailed: (id, error) => this.#bodyFailed(id, error) };
  }

  /** Begins to connect. A failure comes as `owner.closed` with CONNECT_FAILED. */
  static open(address: Address, owner: ConnectionOwner, options: Partial<ConnectionOptions> = {}): ClientConnection {
    const connection = new ClientConnection(address, owner, { ...defaultConnectionOptions, ...options });
    connection.#watch();
    return connection;
  }

  /** Requests that are running. */
  get running(): number {
    return this.#exchanges.size;
  }

  /** Whether `run()` may be called now. */
  get isReusable(): boolean {
    // An exchange whose sink is being told its end still counts: what that does next must wait until the owner knows of it.
    const hasRoom = !this.#exchanges.isFull && this.#exchanges.size < this.#options.maxExchanges;
    return hasRoom && (this.#state === 'open' || this.#state === 'connecting');
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether a request runs of which nothing came back yet: the application may not even have accepted the connection. */
  get isUnanswered(): boolean {
    for (const exchange of this.#exchanges) if (exchange.progress !== 'answered') return true;
    return false;
  }

  /** When the connection stood, by the clock of the options; null before. */
  get connectedAtMs(): number | null {
    return this.#connectedAtMs;
  }

  /**
   * Starts a request: BEGIN_REQUEST, PARAMS and a body in memory of up to 64 KiB leave in one write. The sink is not called before this returns.
   * @param keep whether the application is asked to keep the connection; if not, it is closed after this request
   * @throws PARAMS_TOO_LARGE (nothing was sent, and the connection is as it was); INTERNAL when it is not reusable
   */
  run(request: CgiRequest, sink: CgiSink, keep: boolean): ClientExchange {
    if (!this.isReusable)
      throw new PosternError('INTERNAL', 'this connection takes no request now: look at isReusable first');
    const id = this.#exchanges.nextId();
    const { role, body, pairs } = request;
    const isBodiless = body === null && role === 'responder';
    const whole = isBodiless && pairs !== undefined ? bodilessRequest(id, keep, pairs) : null;
    if (whole === null) this.#gather(id, request, keep);
    const exchange = new RecordExchange(id, request, sink, this.#carrier, this.#options.output, this.#heads);
    this.#exchanges.add(exchange);
    if (whole !== null) this.#outgoing.sendRecords(whole);
    else if (isBodiless) this.#outgoing.send();
    else {
      exchange.sender = new BodySender(this.#bodyTarget, id, request);
      exchange.sender.pump();
    }
    if (this.#state === 'open') this.#wrote(exchange);
    if (!keep) this.#drain();
    return exchange;
  }

  /** What comes before a body, and the end of one where there is none. */
  #gather(id: number, request: CgiRequest, keep: boolean): void {
    const { writer } = this.#outgoing;
    const { role, body } = request;
    try {
      writer.begin(id, role, keep);
      writer.params(id, request.pairs ?? request.environment);
    } catch (thrown) {
      writer.take();
      throw thrown;
    }
    if (body === null && role === 'responder') writer.end(STDIN, id);
  }

  /**
   * Asks the application what it can do. Many close the connection after their answer (PHP does), and some never answer: use a connection of its own.
   * @throws CONNECT_FAILED, CONNECTION_LOST
   */
  getValues(): Promise<ApplicationValues> {
    if (this.#state === 'closed' || this.#rejectValues !== null) {
      return Promise.reject(new PosternError('INTERNAL', 'the connection is closed, or was asked before'));
    }
    this.#outgoing.writer.getValues(valueNames);
    this.#outgoing.send();
    return new Promise((resolve, reject) => {
      this.#rejectValues = reject;
      this.#reader.onValues = (values) => {
        this.#rejectValues = null;
        resolve(values);
      };
    });
  }

  /** Takes no more requests, and closes when those that run have ended. Repeatable. */
  close(): void {
    this.#drain();
    if (this.#exchanges.size === 0) this.destroy();
  }

  /** Closes at once. What runs fails with `error`. Repeatable. */
  destroy(error: PosternError | null = null): void {
    if (this.#state === 'closed') return;
    this.#move('closed');
    this.#reader.stop();
    this.#connectTimer?.cancel();
    this.#outgoing.stopDeadline();
    this.#socket.destroy();
    if (this.#rejectValues !== null || this.#exchanges.size > 0) this.#failAll(error);
    this.#owner.closed(this, error);
  }

  /** Whether the process stays alive for this connection. */
  setRef(isRef: boolean): void {
    if (isRef) this.#socket.ref();
    else this.#socket.unref();
  }

  #failAll(error: PosternError | null): void {
    const failure = error ?? new PosternError('CONNECTION_LOST', `the connection to ${this.#name()} was closed`);
    this.#rejectValues?.(failure);
    for (const exchange of this.#exchanges.takeAll()) {
      exchange.sender?.stop();
      if (exchange.hasEnded) exchange.finish();
      else exchange.fail(failure);
      this.#owner.released(this, exchange);
    }
  }

  #watch(): void {
    const { clock, connectTimeoutMs } = this.#options;
    if (connectTimeoutMs > 0) {
      this.#connectTimer = clock.after(connectTimeoutMs, () => {
        this.destroy(
          new PosternError('CONNECT_FAILED', `${this.#name()} did not answer within ${connectTimeoutMs} ms`),
        );
      });
    }
    this.#socket
      // After "connect", in whose listeners Node writes what was waiting for it.
      .once('ready', () => {
        this.#connectTimer?.cancel();
        if (this.#state === 'connecting') this.#move('open');
        this.#connectedAtMs = clock.now();
        for (const exchange of this.#exchanges) this.#wrote(exchange);
      })
      .on('end', () => this.#lost(null))
      .on('error', (cause) => this.#lost(cause))
      .on('close', () => this.#lost(null));
  }

  #name(): string {
    return formatAddress(this.address);
  }

  /** A write that failed at once took not one byte: to a Unix socket whose program has closed it, the first one does (EPIPE). */
  #wrote(exchange: RecordExchange): void {
    if (this.#socket.errored === null) exchange.sent();
  }

  #bodyFailed(id: number, error: PosternError): void {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    exchange.fail(error);
    this.#abandon(exchange);
  }

  #stalled(): void {
    const { writeTimeoutMs } = this.#options;
    this.destroy(
      new PosternError('ANSWER_TIMEOUT', `${this.#name()} has read nothing of the request for ${writeTimeoutMs} ms`),
    );
  }

  #drained(): void {
    this.#outgoing.stopDeadline();
    for (const exchange of this.#exchanges) {
      exchange.sender?.pump();
      if (this.#outgoing.isFull) return;
    }
  }

  /** The socket ended, for whatever reason. */
  #lost(cause: NodeJS.ErrnoException | null): void {
    if (this.#state === 'closed') return;
    const isReached = this.#connectedAtMs !== null && !this.#isUntouched(cause);
    const isIdle = this.#exchanges.size === 0 && this.#rejectValues === null;
    const { isBetweenRecords } = this.#reader;
    this.destroy(isReached && isIdle ? null : lossError({ name: this.#name(), cause, isReached, isBetweenRecords }));
  }

  /** Whether the application has closed a new connection before it took a byte: then it was not reached. */
  #isUntouched(cause: Error | null): boolean {
    if (cause === null || this.#socket.bytesRead > 0) return false;
    for (const exchange of this.#exchanges) if (exchange.progress !== 'unsent') return false;
    return this.#exchanges.size > 0;
  }

  /** @returns false when reading is to stop for now */
  #read(chunk: Buffer): boolean {
    if (this.#state === 'closed') return false;
    try {
      for (const exchange of this.#reader.push(chunk)) this.#finish(exchange);
      // Half a record is a byte of an answer, too.
      if (!this.#reader.isBetweenRecords) {
        for (const exchange of this.#exchanges) if (!exchange.hasEnded) exchange.answered();
      }
      this.#closeDrained();
    } catch (thrown) {
      // Whoever is told of an answer has thrown, which nobody foresaw: this connection goes, and the fault is heard of.
      if (!(thrown instanceof PosternError)) raise(this.#options.clock, thrown);
      this.destroy(toPosternError(thrown));
    }
    return this.#isAlive() && !this.#isBlocked();
  }

  /** After END_REQUEST: the sink is told, then the owner. */
  #finish(exchange: RecordExchange): void {
    if (!this.#isAlive()) return;
    const isSent = exchange.isSent && this.#outgoing.isEmpty;
    exchange.sender?.stop();
    // What is unread or unsent now would be taken for a part of the next request.
    if (!isSent || exchange.isAborted || !this.#reader.isBetweenRecords) this.#drain();
    exchange.finish();
    if (!this.#isAlive()) return;
    this.#exchanges.delete(exchange);
    this.#owner.released(this, exchange);
    this.#closeDrained();
  }

  /** Nobody waits for an exchange any more: the application is told, or the connection closed where that would end a body that was cut. */
  #abandon(exchange: RecordExchange): void {
    if (!this.#isAlive() || exchange.hasEnded) return;
    const isAlone = this.#options.maxExchanges === 1;
    if (isAlone) this.#drain();
    if (isAlone && !exchange.isSent) {
      this.destroy();
      return;
    }
    exchange.sender?.stop();
    this.#outgoing.writer.abort(exchange.id);
    this.#outgoing.send();
    this.#updateReading();
  }

  #straggled(of: EndedRequest | null): void {
    this.#drain();
    this.#owner.straggled?.(this, of);
  }

  #isAlive(): boolean {
    return this.#state !== 'closed';
  }

  #isBlocked(): boolean {
    return this.#exchanges.isBlocked;
  }

  #updateReading(): void {
    if (this.#isAlive() && !this.#isBlocked()) this.#socket.resume();
  }

  /** Takes no more requests. Repeatable. */
  #drain(): void {
    if (this.#state === 'connecting' || this.#state === 'open') this.#move('draining');
  }

  #closeDrained(): void {
    if (this.#state === 'draining' && this.#exchanges.size === 0) this.destroy();
  }

  #move(to: ConnectionState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a connection cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
