// The application side of one FastCGI connection: requests come in, multiplexed or one by one, and their answers go out in turns (FastCGI 1.0, sections 3 to 5).
//
//   open -> draining -> lingering -> closed        each may go to closed

import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, Exchange } from '../protocol/cgi/exchange.ts';
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  DATA,
  decodeBegin,
  decodeValueNames,
  ENDING,
  formatType,
  GET_VALUES,
  MANAGEMENT_ID,
  OVERLOADED,
  PARAMS,
  RecordReader,
  STDIN,
  type StreamType,
  typeNames,
  UNKNOWN_ROLE,
} from '../protocol/fastcgi/record.ts';
import { type ExchangeConnection, longestWriteTimeout, ServerExchange, type ServerSink } from './server-exchange.ts';
import { formatLimits, type ServerLimits } from './server-limits.ts';
import { ServerOutput, TURN_BYTES } from './server-output.ts';
import { ServerReading } from './server-reading.ts';

/** What a connection needs of the one who accepted it. */
export interface ServerConnectionOptions {
  /** Called once for each request; as `Backend.run`. */
  readonly run: (request: CgiRequest, sink: ServerSink) => Exchange;
  readonly limits: ServerLimits;
  readonly saysOk: boolean;
  readonly clock: Clock;
  /** Whether it takes one request only. */
  readonly isLast: boolean;
  /** The connection is closed and forgotten, with so many requests that ran; the error says why, where that is not the usual end. */
  readonly onClose: (connection: ServerConnection, error: PosternError | null, lost: number) => void;
}

/** Answers to GET_VALUES and unknown types that a peer may leave unread. */
const MAX_UNREAD_CONTROLS = 256;
/** Ids whose late records are ignored, at most; above it the connection is taken no more requests from. */
const MAX_IGNORED_IDS = 256;

/**
 * `open`: takes requests. `draining`: takes no more, and lets those that run end. `lingering`: our side is closed, and the peer has a while
 * to take our last bytes in. `closed`: gone.
 */
export type ServerConnectionState = 'open' | 'draining' | 'lingering' | 'closed';

const moves: Readonly<Record<ServerConnectionState, readonly ServerConnectionState[]>> = {
  open: ['draining', 'closed'],
  draining: ['lingering', 'closed'],
  lingering: ['closed'],
  closed: [],
};

/** One connection from a web server. */
export class ServerConnection implements ExchangeConnection {
  readonly #socket: Socket;
  readonly options: ServerConnectionOptions;
  readonly #reader: RecordReader;
  readonly #output: ServerOutput;
  readonly #reading: ServerReading;
  readonly #exchanges = new Map<number, ServerExchange>();
  /** Requests whose PARAMS ended in the bytes that are being read. */
  readonly #ready: ServerExchange[] = [];
  /** Ids that are over though records of their streams may still come: refused ones, and those that lacked only the end of STDIN. */
  readonly #ignored = new Set<number>();
  #state: ServerConnectionState = 'open';
  /** Whether no request has come yet. */
  isNew = true;
  /** Whether the next request is the last. */
  isLast: boolean;
  /** When we closed our side. */
  #lingersSinceMs = 0;
  /** Records of our own, not of a request's answer, that were put while the peer read nothing. */
  #unreadControls = 0;
  #lastWriteTimeoutMs: number;

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.#socket = socket;
    this.options = options;
    this.isLast = options.isLast;
    this.#lastWriteTimeoutMs = options.limits.writeTimeoutMs;
    this.#output = new ServerOutput(socket, options.clock);
    this.#reader = new RecordReader({
      content: (type, id, chunk) => this.#content(type, id, chunk),
      closed: (type, id) => this.#streamClosed(type, id),
      control: (type, id, body) => this.#control(type, id, body),
    });
    this.#reading = new ServerReading(socket, options.limits, options.clock, this.#exchanges);
  }

  get limits(): ServerLimits {
    return this.options.limits;
  }

  /** Requests that are not over. */
  get size(): number {
    return this.#exchanges.size;
  }

  /** What exchanges are sent. */
  get reading(): ServerReading {
    return this.#reading;
  }

  /** Where exchanges put their records. */
  get output(): ServerOutput {
    return this.#output;
  }

  /** Begins to read. */
  start(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => {
      this.#unreadControls = 0;
      this.#output.drained();
    });
    socket.on('end', () => this.destroy(null));
    socket.on('error', (error) => this.destroy(new PosternError('CONNECTION_LOST', error.message, { cause: error })));
    socket.on('close', () => this.destroy(null));
  }

  /** Takes no more requests, and closes when those that run are over. Repeatable. */
  close(): void {
    this.#drain();
    for (const exchange of this.#exchanges.values()) {
      // Nobody has begun it: the web server may send it again elsewhere.
      if (exchange.state === 'params') this.#forget(exchange);
    }
    this.#closeWhenEmpty();
  }

  /** Begins no more: see `FastcgiServer.halt()`. */
  halt(isRefusing: boolean): void {
    this.#reading.halt(isRefusing);
  }

  /** Whether nothing runs, and all was sent. */
  get isQuiet(): boolean {
    return this.#exchanges.size === 0 && this.#output.unsentBytes === 0;
  }

  /** Closes now; requests that run are aborted. Repeatable. */
  destroy(error: PosternError | null): void {
    if (this.#state === 'closed') return;
    this.#move('closed');
    this.#reader.stop();
    this.#socket.destroy();
    const lost = [...this.#exchanges.values()];
    if (lost.length > 0) {
      // Only for somebody to see: made at the end of every connection, the error was 3 % of the processor time of a "hello".
      const gone = error ?? new PosternError('ABORTED', 'the web server closed the connection');
      for (const exchange of lost) exchange.lose(gone);
    }
    this.#exchanges.clear();
    this.#output.stop();
    this.options.onClose(this, error, lost.length);
  }

  /** Closes what has waited for too long. To be called now and then. */
  check(now: number): void {
    const { idleTimeoutMs, lingerTimeoutMs } = this.limits;
    const writeTimeoutMs = longestWriteTimeout(this.#exchanges, this.#lastWriteTimeoutMs);
    if (this.#state === 'lingering') {
      if (now - this.#lingersSinceMs > lingerTimeoutMs) this.destroy(null);
    } else if (writeTimeoutMs > 0 && this.#output.fullForMs(now) > writeTimeoutMs) {
      this.destroy(new PosternError('ABORTED', `the web server read nothing for ${writeTimeoutMs} ms`));
    } else if (this.#exchanges.size > 0 || !this.#reader.isBetweenRecords) {
      this.#checkInput(this.#reading.quietMs(now));
    } else if (idleTimeoutMs > 0 && this.#reading.quietMs(now) > idleTimeoutMs) {
      this.close();
    }
  }

  /** See ExchangeConnection. */
  isCrowdedBy(bytes: number): boolean {
    return this.#output.isFull || (this.#exchanges.size > 1 && bytes > TURN_BYTES);
  }

  /** See ExchangeConnection. */
  finished(exchange: ServerExchange, appStatus: number, protocolStatus: number, hasStderr: boolean): void {
    this.#output.putEnd(exchange.id, appStatus, protocolStatus, hasStderr);
    this.#forget(exchange);
    if (exchange.lacksOnlyEnd) this.#ignore(exchange.id);
    else if (!exchange.isInputComplete) this.#drain();
    this.#closeWhenEmpty();
    this.#output.flush();
  }

  /** See ExchangeConnection. Without END_REQUEST and with the connection closed, nobody takes it for whole. */
  broken(exchange: ServerExchange): void {
    this.#drain();
    this.#forget(exchange);
    this.#closeWhenEmpty();
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'closed' || this.#state === 'lingering') return;
    this.#reading.touch();
    this.#output.hold();
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      this.destroy(toPosternError(thrown));
      return;
    }
    while (this.#ready.length > 0) this.#run(this.#ready.shift()!);
    this.#output.release();
    this.#closeWhenEmpty();
  }

  #content(type: StreamType, id: number, chunk: Buffer): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) return;
    if (type === STDIN) exchange.stdin.push(chunk);
    else if (type === DATA) exchange.dataInput!.push(chunk);
    else this.#params(exchange, chunk);
  }

  #streamClosed(type: StreamType, id: number): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) {
      if (type === STDIN) this.#ignored.delete(id);
    } else if (type === STDIN) {
      exchange.stdin.end();
    } else if (type === DATA) {
      exchange.dataInput!.end();
    } else {
      this.#params(exchange, null);
    }
  }

  #control(type: number, id: number, body: Buffer): void {
    if (type === BEGIN_REQUEST) this.#begin(id, body);
    else if (type === ABORT_REQUEST) this.#exchanges.get(id)?.abort();
    else if (type === GET_VALUES) this.#answerValues(body);
    else if (id === MANAGEMENT_ID && !typeNames[type]) this.#answerUnknown(type);
    else throw unexpected(formatType(type), id);
  }

  #begin(id: number, body: Buffer): void {
    if (id === MANAGEMENT_ID || this.#exchanges.has(id)) throw unexpected('BEGIN_REQUEST', id);
    if (this.#state !== 'open') return;
    const { role, keepConnection } = decodeBegin(body);
    this.#ignored.delete(id);
    this.isNew = false;
    if (!keepConnection || this.isLast) this.#drain();
    if (role === undefined) this.#refuse(id, UNKNOWN_ROLE);
    else if (this.#reading.isHalted) this.#refuse(id, OVERLOADED, ENDING);
    else if (this.#exchanges.size >= this.limits.maxExchanges) this.#refuse(id, OVERLOADED);
    else this.#exchanges.set(id, new ServerExchange(this, id, role));
  }

  #refuse(id: number, protocolStatus: number, appStatus = 0): void {
    this.#output.putEnd(id, appStatus, protocolStatus, false);
    this.#ignore(id);
  }

  #ignore(id: number): void {
    this.#ignored.add(id);
    if (this.#ignored.size > MAX_IGNORED_IDS) this.#drain();
  }

  /** The exchange that a stream record belongs to; null where its content is of no interest any more. */
  #exchangeOf(type: StreamType, id: number): ServerExchange | null {
    const exchange = this.#exchanges.get(id);
    if (type !== PARAMS && type !== STDIN && type !== DATA) throw unexpected(formatType(type), id);
    if (exchange === undefined) {
      if (this.#ignored.has(id) || this.#state !== 'open') return null;
      throw unexpected(formatType(type), id);
    }
    if (!exchange.takes(type)) throw unexpected(formatType(type), id);
    return exchange;
  }

  /** A piece of PARAMS, or null at its end. Too large ones are answered, and the connection closed for what may still come of them. */
  #params(exchange: ServerExchange, chunk: Buffer | null): void {
    try {
      if (chunk !== null) {
        exchange.pushParams(chunk);
        return;
      }
      exchange.endParams();
      this.#ready.push(exchange);
    } catch (thrown) {
      const error = toPosternError(thrown);
      if (error.code !== 'PARAMS_TOO_LARGE') throw error;
      this.#drain();
      exchange.refuse(error);
    }
  }

  #run(exchange: ServerExchange): void {
    if (exchange.state === 'ready') exchange.run(this.options.run);
  }

  #answerValues(body: Buffer): void {
    this.#countControl();
    const known = formatLimits(this.limits);
    const asked = decodeValueNames(body).filter((name) => Object.hasOwn(known, name));
    this.#output.putValues(Object.fromEntries(asked.map((name) => [name, known[name]!])));
  }

  #answerUnknown(type: number): void {
    this.#countControl();
    this.#output.putUnknownType(type);
  }

  /** Questions are answered at once, whatever the peer reads: one that asks on and on and reads nothing would fill our memory. */
  #countControl(): void {
    if (this.#output.isFull) this.#unreadControls += 1;
    if (this.#unreadControls <= MAX_UNREAD_CONTROLS) return;
    throw new PosternError('PROTOCOL_ERROR', `${MAX_UNREAD_CONTROLS} questions came, whose answers nobody reads`);
  }

  #forget(exchange: ServerExchange): void {
    this.#lastWriteTimeoutMs = exchange.writeTimeoutMs;
    this.#exchanges.delete(exchange.id);
    this.#output.forget(exchange);
    exchange.discardInput();
    this.#reading.stopIfHalted();
  }

  /** Once the last request is over: our last bytes, the end of our side, and a while for the peer to take them in. */
  #closeWhenEmpty(): void {
    if (this.#state !== 'draining' || this.#exchanges.size > 0 || this.#output.isHeld) return;
    this.#move('lingering');
    this.#lingersSinceMs = this.options.clock.now();
    this.#reader.stop();
    this.#output.end();
    this.#socket.resume();
  }

  /** Takes no more requests. Repeatable. */
  #drain(): void {
    if (this.#state === 'open') this.#move('draining');
  }

  #move(to: ServerConnectionState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a connection cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  #checkInput(quietMs: number): void {
    const { paramsTimeoutMs, inputTimeoutMs } = this.limits;
    const exchanges = [...this.#exchanges.values()];
    const waitsForParams = exchanges.length === 0 || exchanges.some((exchange) => exchange.state === 'params');
    if (waitsForParams && paramsTimeoutMs > 0 && quietMs > paramsTimeoutMs) {
      this.destroy(new PosternError('REQUEST_TIMEOUT', `PARAMS did not come within ${paramsTimeoutMs} ms`));
    } else if (inputTimeoutMs > 0 && quietMs > inputTimeoutMs && exchanges.some((exchange) => exchange.isInputWanted)) {
      this.destroy(new PosternError('REQUEST_TIMEOUT', `no more input came within ${inputTimeoutMs} ms`));
    }
  }
}

function unexpected(what: string, id: number): PosternError {
  return new PosternError('PROTOCOL_ERROR', `${what} came for request ${id} where it has no place`);
}
