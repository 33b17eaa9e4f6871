// The exchanges that run on one connection, in the order in which they began.
//
// A list and not a Map: a Map whose only entry comes and goes makes a new table every few requests, and each old table refers
// to the next. Once one of them has grown old, all that follow live until a full collection, with the requests in them.

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
    this.#list.splice(at, 1);
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
