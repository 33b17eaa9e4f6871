// How a connection to an application is to behave, with finite defaults.

import { type Clock, systemClock } from '../clock.ts';
import { type CgiOutputLimits, defaultOutputLimits } from '../protocol/cgi/cgi-output.ts';
import type { ReadBuffers } from './dial.ts';

/** Options of one connection. Every duration is in milliseconds. */
export interface ConnectionOptions {
  /** 0: no limit but the system's. @default 5000 */
  readonly connectTimeoutMs: number;
  /**
   * How long the application may leave unread what we have to send, while it sends nothing either; the time is not counted while our own
   * reader holds it up. 0: no limit. @default 30000
   */
  readonly writeTimeoutMs: number;
  /** Requests at a time. Above 1 only where the application's GET_VALUES says so: PHP loses requests. @default 1 */
  readonly maxExchanges: number;
  /** Limits on the head of an answer. @default 65536 bytes, 200 fields */
  readonly output: CgiOutputLimits;
  /** Shared by connections that come one after another. @default its own */
  readonly buffers: ReadBuffers | null;
  /** Whether a sink is told of a failure; else its owner alone is, who may know more of it a moment later. @default true */
  readonly tellsFailures: boolean;
  /** @default systemClock */
  readonly clock: Clock;
}

/** The options where nothing is said. */
export const defaultConnectionOptions: ConnectionOptions = {
  connectTimeoutMs: 5_000,
  writeTimeoutMs: 30_000,
  maxExchanges: 1,
  output: defaultOutputLimits,
  buffers: null,
  tellsFailures: true,
  clock: systemClock,
};
