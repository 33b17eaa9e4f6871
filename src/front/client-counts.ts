// Connections of clients as they are counted: by one thread for itself, or by several in shared memory.
//
// Shared, of each thread: | those that are served, i32 | how often each limit was met, i32 each | those that wait, i32 | those that are open, i32 | connections of each
// address: see `gateway/key-counts.ts` |
// One thread writes, all read.

import { KeyCounts, keyCountsBytes } from '../gateway/key-counts.ts';

/** What clients are limited by, as the configuration calls it; http2: connections that were closed since they misbehaved. */
export const limitNames = [
  'maxConnections',
  'maxConnectionsPerClient',
  'headTimeout',
  'minBodyRate',
  'bodyTimeout',
  'writeTimeout',
  'maxRequests',
  'http2',
] as const;
export type LimitName = (typeof limitNames)[number];

/** How often each limit was met. */
export type LimitHits = Readonly<Record<LimitName, number>>;

/** How many connections there are, in all and of each address. */
export interface ClientCounts {
  /** How many threads count. */
  readonly threads: number;
  /** How often each limit was met, by all threads. */
  readonly hits: LimitHits;
  /** A client met a limit. */
  hit(limit: LimitName): void;
  /** Those that are served. */
  readonly served: number;
  /** Serves one more, unless so many are. @param most 0: no limit @returns whether it may be served */
  serve(most: number): boolean;
  /** One that was served has gone. */
  leave(): void;
  /** Has one more wait, unless so many do. @returns whether it may */
  wait(most: number): boolean;
  /** One that waited does not any more. */
  endWait(): void;
  /** Those that wait. */
  readonly waiting: number;
  /** Connections that were accepted, whatever became of them, and have not gone. */
  readonly open: number;
  opened(): void;
  closed(): void;
  /** Connections of an address. */
  of(address: string): number;
  /** Counts one more of an address, unless so many are. @param most 0: no limit @returns whether it may stay */
  add(address: string, most: number): boolean;
  remove(address: string): void;
}

/** The counts of one thread. */
export class OwnClientCounts implements ClientCounts {
  readonly threads = 1;
  served = 0;
  waiting = 0;
  open = 0;
  readonly hits: Record<LimitName, number> = {
    maxConnections: 0,
    maxConnectionsPerClient: 0,
    headTimeout: 0,
    minBodyRate: 0,
    bodyTimeout: 0,
    writeTimeout: 0,
    maxRequests: 0,
    http2: 0,
  };
  readonly #ofClient = new Map<string, number>();

  hit(limit: LimitName): void {
    this.hits[limit] += 1;
  }

  serve(most: number): boolean {
    if (most > 0 && this.served >= most) return false;
    this.served += 1;
    return true;
  }

  leave(): void {
    this.served -= 1;
  }

  wait(most: number): boolean {
    if (this.waiting >= most) return false;
    this.waiting += 1;
    return true;
  }

  endWait(): void {
    this.waiting -= 1;
  }

  opened(): void {
    this.open += 1;
  }

  closed(): void {
    this.open -= 1;
  }

  of(address: string): number {
    return this.#ofClient.get(address) ?? 0;
  }

  add(address: string, most: number): boolean {
    const count = this.of(address);
    if (most > 0 && count >= most) return false;
    this.#ofClient.set(address, count + 1);
    return true;
  }

  remove(address: string): void {
    const left = this.of(address) - 1;
    if (left <= 0) this.#ofClient.delete(address);
    else this.#ofClient.set(address, left);
  }
}

/** A power of two, above the connections that there may be. */
const slotCount = 131_072;
const windowSlots = 16;
const waitingCell = 1 + limitNames.length;
const openCell = waitingCell + 1;
const headCells = openCell + 1;

/** Memory for the counts of one thread. The system gives pages of it only where something is written. */
export function clientCountsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(headCells * Int32Array.BYTES_PER_ELEMENT + keyCountsBytes(slotCount));
}

/** A thread is no more, and its connections are not, either. */
export function clearClientCounts(memory: SharedArrayBuffer): void {
  const counts = new Int32Array(memory);
  // How often limits were met stays known.
  counts[0] = 0;
  counts.fill(0, waitingCell);
}

/** How often limits were met, of the memories of all threads. */
export function limitHits(memories: readonly (Int32Array | SharedArrayBuffer)[]): LimitHits {
  const all = memories.map((one) => (one instanceof Int32Array ? one : new Int32Array(one)));
  const sums = limitNames.map(
    (name, at) => [name, all.reduce((sum, one) => sum + Atomics.load(one, 1 + at), 0)] as const,
  );
  return Object.fromEntries(sums) as Record<LimitName, number>;
}

/** The counts of one of several threads: it writes its own, and reads all. */
export class SharedClientCounts implements ClientCounts {
  readonly #own: Int32Array;
  readonly #all: readonly Int32Array[];
  readonly #ofClient: KeyCounts;

  /** @param memories of all threads @param own which of them is this one's */
  constructor(memories: readonly SharedArrayBuffer[], own: number) {
    this.#all = memories.map((memory) => new Int32Array(memory));
    this.#own = this.#all[own]!;
    const slots = this.#all.map((cells) => cells.subarray(headCells));
    this.#ofClient = new KeyCounts(slots, own, windowSlots);
  }

  get threads(): number {
    return this.#all.length;
  }

  get hits(): LimitHits {
    return limitHits(this.#all);
  }

  hit(limit: LimitName): void {
    Atomics.add(this.#own, 1 + limitNames.indexOf(limit), 1);
  }

  get served(): number {
    return this.#sum(0);
  }

  serve(most: number): boolean {
    return this.#count(0, most === 0 ? Number.POSITIVE_INFINITY : most);
  }

  leave(): void {
    Atomics.sub(this.#own, 0, 1);
  }

  wait(most: number): boolean {
    return this.#count(waitingCell, most);
  }

  endWait(): void {
    Atomics.sub(this.#own, waitingCell, 1);
  }

  get waiting(): number {
    return this.#sum(waitingCell);
  }

  get open(): number {
    return this.#sum(openCell);
  }

  opened(): void {
    Atomics.add(this.#own, openCell, 1);
  }

  closed(): void {
    Atomics.sub(this.#own, openCell, 1);
  }

  of(address: string): number {
    return this.#ofClient.of(address);
  }

  /** A window that is full of other addresses counts nothing: that client is not limited. */
  add(address: string, most: number): boolean {
    return this.#ofClient.add(address, most);
  }

  remove(address: string): void {
    this.#ofClient.remove(address);
  }

  #sum(cell: number): number {
    return this.#all.reduce((sum, counts) => sum + Atomics.load(counts, cell), 0);
  }

  /** Counted first: of two that come at once for the last place, one sees that it is one too many. */
  #count(cell: number, most: number): boolean {
    Atomics.add(this.#own, cell, 1);
    if (most === Number.POSITIVE_INFINITY || this.#sum(cell) <= most) return true;
    Atomics.sub(this.#own, cell, 1);
    return false;
  }
}
