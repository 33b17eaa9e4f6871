// What a client is made from, with its defaults.

import type { Clock } from '../clock.ts';
import type { Address } from '../connection/address.ts';

/** Options of a client. Every duration is in milliseconds. */
export interface ClientOptions {
  /** "host:port", "unix:/path", or an address that was read already. */
  readonly address: string | Address;
  /** Connections at a time. @default 8 */
  readonly maxConnections?: number | undefined;
  /**
   * When a connection may serve another request: "always"; "bodiless": after one that had no body, and for one that may be sent twice; "never". With a PHP before 8.2.36, 8.3.37, 8.4.28
   * or 8.5.13 "always" lets whoever writes a body run code there (CVE-2026-129289). @default 'bodiless'
   */
  readonly reuse?: 'always' | 'bodiless' | 'never' | undefined;
  /** A kept connection that was idle so long is closed. It holds a process of PHP-FPM, so it is short. 0: never. @default 5000 */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Requests at a time on one connection, at most. Above 1 the application is asked first (GET_VALUES), and where it does not say that it
   * can, one at a time is what it gets. @default 1
   */
  readonly multiplex?: number | undefined;
  /** Requests that may wait for a connection. 0: none waits. @default 512 */
  readonly queue?: number | undefined;
  /** How long one may wait. @default 5000 */
  readonly queueTimeoutMs?: number | undefined;
  /** 0: no limit but the system's. @default 5000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the application may leave a request unread, while it sends nothing either. 0: no limit. @default 30000 */
  readonly writeTimeoutMs?: number | undefined;
  /** From the connection to the end of the answer. 0: no limit. @default 60000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Bytes of an answer that is kept in memory, at most; a larger one fails. @default 67108864 */
  readonly maxBodyBytes?: number | undefined;
  /** Bytes of STDERR that are kept for one request; more is counted and dropped. @default 65536 */
  readonly maxStderrBytes?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** What a client runs with. */
export type ClientSettings = {
  readonly [Name in Exclude<keyof ClientOptions, 'address' | 'clock'>]-?: Exclude<ClientOptions[Name], undefined>;
};

/** The options where nothing is said. */
export const defaultClientOptions: ClientSettings = {
  maxConnections: 8,
  reuse: 'bodiless',
  idleTimeoutMs: 5_000,
  multiplex: 1,
  queue: 512,
  queueTimeoutMs: 5_000,
  connectTimeoutMs: 5_000,
  writeTimeoutMs: 30_000,
  requestTimeoutMs: 60_000,
  maxBodyBytes: 67_108_864,
  maxStderrBytes: 65_536,
};
