// What faces clients, as a service sees it: in this thread or in several, opened, put in force and ended.

import type { ThreadLoad, ThreadStatus } from '../admin/source.ts';
import type { Unit } from '../backend/unit.ts';
import type { Config } from '../config/config.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { NamedSite } from '../protocol/http/host-table.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { TlsMaterial } from '../tls/tls-material.ts';
import type { HttpSeries } from './http-durations.ts';
import type { FrontPool } from './pool-pages.ts';

/** What of a configuration has to do with clients. */
export interface FrontsConfig extends Pick<Config, 'file' | 'folder' | 'values'> {
  /** What is answered by TLS with; null: no site has ever spoken it. */
  readonly tls: TlsMaterial | null;
}

/** The pools that routes lead to, by name. */
export type Backends = ReadonlyMap<string, FrontPool>;

/** Fronts for another configuration: opened, not in force. `undo` ends it at any time before `commit`. */
export interface FrontsChange {
  /** What is new, in words. */
  readonly words: readonly string[];
  /** Makes what answers there, from the pools that there are now. @throws CONFIG_INVALID */
  prepare(backends: Backends): Promise<void>;
  /**
   * Puts all of it in force; resolves when it is. In this thread that is at once, before the call returns.
   * @param deadlineMs for the requests of addresses that are not listened on any more
   */
  commit(deadlineMs: number): Promise<void>;
  /** Resolves when what is not wanted any more has finished its requests; to be asked for after `commit`. */
  over(): Promise<void>;
  /** Closes what was opened. */
  undo(): void;
}

/** An address that is listened on, for the status. */
export interface ListenerPlace {
  readonly sites: readonly NamedSite[];
  /** With the port that was found for port 0. */
  readonly address: ListenAddress;
}

/** What a service shows of its fronts, and has them answer in this thread. */
export interface FrontsShown {
  readonly listeners: readonly ListenerPlace[];
  /** Requests that are on their way. */
  readonly running: number;
  /** Answers by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** How often clients met each limit, by the key that sets it. */
  readonly limited: Readonly<Record<string, number>>;
  /** How long requests took, by site, method and status. */
  readonly durations: readonly HttpSeries[];
  /** What its threads are busy with, since this was last asked. */
  readonly load: readonly ThreadLoad[];
  /** The front threads; none: this thread is the only one. */
  readonly threads: readonly ThreadStatus[];
  /** A pool as the main thread sees it, with what other threads tell of it. */
  summed(pool: PoolSnapshot): PoolSnapshot;
  /** The gateway of a site in this thread; undefined: the site is not served, or not in this thread yet. */
  gatewayOf(site: string): Gateway | undefined;
  /** Resolves when this thread has the gateways that are in force. */
  serveHere(): Promise<void>;
}

/** All of it; in one thread or in several. */
export interface Fronts extends FrontsShown {
  /** A pool was made anew after a fault: what leads to it follows. */
  poolMadeAnew(unit: Unit): Promise<void>;
  /** Opens the addresses of a configuration that are new. @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left open */
  open(config: FrontsConfig): Promise<FrontsChange>;
  /** Puts other certificates in force, for the next connection. */
  useTls(tls: TlsMaterial): void;
  /** Stops listening at once; resolves when the requests are done, or ended after the deadline. Repeatable. */
  close(deadlineMs: number): Promise<void>;
  /** The pools have ended, too: nothing is left. Repeatable. */
  end(): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): Promise<void>;
}

/** Of a service that is not opened yet. */
export const noFronts: FrontsShown = {
  listeners: [],
  running: 0,
  answers: {},
  limited: {},
  durations: [],
  load: [],
  threads: [],
  summed: (pool) => pool,
  gatewayOf: () => undefined,
  serveHere: () => Promise.resolve(),
};

/** Statuses that are counted are below it. */
export const statusCount = 1_000;

/** "200" -> 12; only those that were given. @param counts by status, of each thread */
export function answersOf(counts: readonly Uint32Array[]): Record<string, number> {
  const given: Record<string, number> = {};
  for (const ofThread of counts) {
    for (let status = 100; status < statusCount; status += 1) {
      const count = ofThread[status]!;
      if (count > 0) given[status] = (given[status] ?? 0) + count;
    }
  }
  return given;
}
