// The records that come from an application -> the exchanges that they belong to; what is out of order is a protocol error,
// but for what a program that was forked in a request sends when that has ended.

import { PosternError } from '../errors.ts';
import {
  type ApplicationValues,
  decodeUnknownType,
  decodeValues,
  END_REQUEST,
  formatType,
  GET_VALUES,
  GET_VALUES_RESULT,
  type RecordHandler,
  RecordReader,
  STDERR,
  STDOUT,
  type StreamType,
  UNKNOWN_TYPE,
} from '../protocol/fastcgi/record.ts';
import type { RecordExchange } from './client-exchange.ts';

/**
 * Request ids go round, so that a record which an application sends after the end of its request is seen as
 * one of a request that is not running, instead of becoming part of the next one.
 */
const LAST_ID = 255;

/** How many of the requests that ended last are known by their names. */
const REMEMBERED = 64;

/** A request that has ended. */
export interface EndedRequest {
  readonly method: string;
  readonly url: string;
}

/** One as a rule; several where the application multiplexes. */
export class RunningExchanges implements Iterable<RecordExchange> {
  // A list and not a Map: a Map whose only entry comes and goes makes a new table every few requests, and each old table refers
  // to the next. Once one of them has grown old, all that follow live until a full collection, with the requests in them.
  readonly #list: RecordExchange[] = [];
  #lastId = 0;
  #highestId = 0;
  /** Those that ended last, round and round; names only, since a request holds its body. */
  readonly #ended: { id: number; method: string; url: string }[] = [];
  #endedAt = 0;

  get size(): number {
    return this.#list.length;
  }

  /** Whether every id is taken. */
  get isFull(): boolean {
    return this.#list.length >= LAST_ID;
  }

  /** Whether the sink of one wants no more for now. */
  get isBlocked(): boolean {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 1) if (list[at]!.isBlocked) return true;
    return false;
  }

  get(id: number): RecordExchange | undefined {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 1) if (list[at]!.id === id) return list[at];
    return undefined;
  }

  /** An id for the next exchange to be added, for which there must be room. */
  nextId(): number {
    let id = this.#lastId;
    do id = (id % LAST_ID) + 1;
    while (this.get(id) !== undefined);
    return id;
  }

  add(exchange: RecordExchange): void {
    this.#list.push(exchange);
    this.#lastId = exchange.id;
    this.#highestId = Math.max(this.#highestId, exchange.id);
  }

  delete(exchange: RecordExchange): void {
    const at = this.#list.indexOf(exchange);
    if (at < 0) return;
    if (at === this.#list.length - 1) this.#list.pop();
    else this.#list.splice(at, 1);
    const { id, request } = exchange;
    const { method, url } = request;
    const slot = this.#ended[this.#endedAt];
    if (slot === undefined) this.#ended.push({ id, method, url });
    else {
      slot.id = id;
      slot.method = method;
      slot.url = url;
    }
    this.#endedAt = (this.#endedAt + 1) % REMEMBERED;
  }

  /** Whether an exchange with this id was ever added. */
  hasUsed(id: number): boolean {
    return id > 0 && id <= this.#highestId;
  }

  /** The request that had this id last; null: others have ended since. */
  ended(id: number): EndedRequest | null {
    return this.#ended.find((one) => one.id === id) ?? null;
  }

  /** Takes all of them out. */
  takeAll(): readonly RecordExchange[] {
    return this.#list.splice(0);
  }

  [Symbol.iterator](): ArrayIterator<RecordExchange> {
    return this.#list.values();
  }
}

/** Nothing is known of an application that does not know GET_VALUES. */
const noValues: ApplicationValues = { maxConnections: undefined, maxRequests: undefined, multiplexes: undefined };

/** Reads answers. */
export class AnswerReader implements RecordHandler {
  /** Called with the answer to GET_VALUES; null while nothing was asked. */
  onValues: ((values: ApplicationValues) => void) | null = null;
  readonly #running: RunningExchanges;
  readonly #onStraggled: (of: EndedRequest | null) => void;
  readonly #reader: RecordReader;
  /** Exchanges whose END_REQUEST was in the last chunk. */
  #ended: RecordExchange[] = [];
  /** Whether records came for a request that had ended. */
  #hasStraggled = false;
  /** The exchange that was given bytes of the chunk and not yet told that there are no more. */
  #touched: RecordExchange | null = null;

  /**
   * @param running the exchanges of the connection
   * @param onStraggled called once, at the first record for a request that has ended: it and all that follow it are dropped
   */
  constructor(running: RunningExchanges, onStraggled: (of: EndedRequest | null) => void) {
    this.#running = running;
    this.#onStraggled = onStraggled;
    this.#reader = new RecordReader(this);
  }

  /** Whether what was read ends between two records. */
  get isBetweenRecords(): boolean {
    return this.#reader.isBetweenRecords;
  }

  /**
   * Hands what is in the chunk to the sinks, then flushes them.
   * @returns the exchanges that ended in it. They are finished by the caller, after all of the chunk was read: what follows
   * an END_REQUEST must not become part of the request that comes next.
   * @throws PROTOCOL_ERROR
   */
  push(chunk: Buffer): readonly RecordExchange[] {
    this.#reader.push(chunk);
    this.#touch(null);
    if (this.#ended.length === 0) return this.#ended;
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** Ignores the rest. */
  stop(): void {
    this.#reader.stop();
  }

  content(type: StreamType, id: number, chunk: Buffer): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) return;
    this.#touch(exchange);
    if (type === STDOUT ? exchange.stdout(chunk) : exchange.stderr(chunk)) return;
    throw outOfOrder(`${formatType(type)} of request ${id} goes on after its end`);
  }

  closed(type: StreamType, id: number): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) return;
    if (type === STDOUT ? exchange.stdoutClosed() : exchange.stderrClosed()) return;
    throw outOfOrder(`${formatType(type)} of request ${id} was closed twice`);
  }

  control(type: number, id: number, body: Buffer): void {
    if (type === END_REQUEST) {
      const exchange = this.#exchangeOf(type, id);
      if (exchange === null) return;
      exchange.ended(body);
      this.#ended.push(exchange);
      if (this.#touched === exchange) this.#touched = null;
      return;
    }
    const onValues = this.onValues;
    this.onValues = null;
    if (onValues !== null && type === GET_VALUES_RESULT) onValues(decodeValues(body));
    else if (onValues !== null && type === UNKNOWN_TYPE && decodeUnknownType(body) === GET_VALUES) onValues(noValues);
    else throw outOfOrder(`${formatType(type)} came, which nobody asked for`);
  }

  /** @returns null for a request that has ended: what still comes for it is dropped */
  #exchangeOf(type: number, id: number): RecordExchange | null {
    if (type !== STDOUT && type !== STDERR && type !== END_REQUEST) {
      throw outOfOrder(`${formatType(type)} came from an application`);
    }
    const exchange = this.#running.get(id);
    if (exchange !== undefined && !exchange.hasEnded) return exchange;
    if (exchange === undefined && !this.#running.hasUsed(id)) {
      throw outOfOrder(`${formatType(type)} came for request ${id}, which was never begun`);
    }
    if (!this.#hasStraggled) {
      this.#hasStraggled = true;
      this.#onStraggled(exchange === undefined ? this.#running.ended(id) : exchange.request);
    }
    return null;
  }

  /** Flushes the exchange that had bytes before another one has. */
  #touch(exchange: RecordExchange | null): void {
    const touched = this.#touched;
    if (touched === exchange) return;
    this.#touched = exchange;
    touched?.flush();
  }
}

function outOfOrder(what: string): PosternError {
  return new PosternError('PROTOCOL_ERROR', `${what}: the application does not keep to FastCGI 1.0`);
}
