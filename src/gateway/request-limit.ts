// How many requests one client may make, and how many at a time: one number a client, in a table of bounded size (the generic cell rate algorithm).

import { isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { LimitOptions } from '../rules/rule.ts';
import type { SharedLimits } from './shared-limits.ts';

/** Clients that are remembered. One that is forgotten starts anew; those that asked last are kept. */
const MAX_CLIENTS = 16_384;

/** What a request may do. */
export type LimitDecision = 'go' | { /** When it may be tried again. */ readonly afterMs: number };

/** The limit of one rule. */
export class RequestLimit {
  readonly #options: LimitOptions;
  readonly #clock: Clock;
  readonly #shared: SharedLimits | null;
  readonly #name: string;
  /** When the client would have used up all that it asked for. */
  readonly #usedUpAtMs = new LRUCache<string, number>({ max: MAX_CLIENTS });
  readonly #running = new Map<string, number>();

  /** @param shared where several threads count together. @param name of this limit, among all that count there */
  constructor(options: LimitOptions, clock: Clock, shared: SharedLimits | null = null, name = '') {
    this.#options = options;
    this.#clock = clock;
    this.#shared = shared;
    this.#name = name;
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#usedUpAtMs.size;
  }

  /** A request came. Where it may go on, `end()` is to be called when it is over. @param address empty for a Unix socket */
  begin(address: string): LimitDecision {
    const { rate, burst, connections, by } = this.#options;
    const key = clientKey(address, by);
    if (this.#shared !== null) return this.#beginShared(this.#shared, `${this.#name}\n${key}`);
    const running = this.#running.get(key) ?? 0;
    if (connections > 0 && running >= connections) return { afterMs: 1_000 };
    if (rate !== null) {
      const now = this.#clock.now();
      const intervalMs = rate.everyMs / rate.requests;
      const usedUpAtMs = Math.max(now, this.#usedUpAtMs.get(key) ?? 0);
      const aheadMs = usedUpAtMs - now - burst * intervalMs;
      if (aheadMs > 0) return { afterMs: aheadMs };
      this.#usedUpAtMs.set(key, usedUpAtMs + intervalMs);
    }
    if (connections > 0) this.#running.set(key, running + 1);
    return 'go';
  }

  end(address: string): void {
    if (this.#options.connections === 0) return;
    const key = clientKey(address, this.#options.by);
    if (this.#shared !== null) {
      this.#shared.end(`${this.#name}\n${key}`);
      return;
    }
    const running = this.#running.get(key) ?? 0;
    if (running <= 1) this.#running.delete(key);
    else this.#running.set(key, running - 1);
  }

  #beginShared(shared: SharedLimits, key: string): LimitDecision {
    const { rate, burst, connections } = this.#options;
    if (connections > 0 && !shared.begin(key, connections)) return { afterMs: 1_000 };
    if (rate === null) return 'go';
    const afterMs = shared.ask(key, rate.everyMs / rate.requests, burst, this.#clock.now());
    if (afterMs === 0) return 'go';
    if (connections > 0) shared.end(key);
    return { afterMs };
  }
}

/** What counts as one client. Somebody who has one IPv6 address has 2^64 of them, as a rule. */
export function clientKey(address: string, by: LimitOptions['by']): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+)\.(\d+)$/i.exec(address);
  if (v4 !== null) return by === 'network' ? v4[1]! : `${v4[1]}.${v4[2]}`;
  if (isIP(address) !== 6) return address;
  return groupsOf(address)
    .slice(0, by === 'network' ? 3 : 4)
    .join(':');
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.toLowerCase().replace(/%.*/, '').split('::');
  const groups = (text: string): string[] =>
    text === '' ? [] : text.split(':').map((one) => one.replace(/^0+(?=.)/, ''));
  const before = groups(head);
  if (tail === undefined) return before;
  const after = groups(tail);
  return [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after];
}
