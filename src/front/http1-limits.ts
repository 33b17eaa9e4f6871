// The limits of an HTTP/1.1 front, with their defaults.

/** What clients may cost. Durations are in milliseconds and kept to the second: a limit is never early, and up to two seconds late. */
export interface Http1Limits {
  /** Connections at the same time; one more is closed as it comes. @default 65536 */
  readonly maxConnections: number;
  /** From the first byte of a request, or the connection's beginning, to the end of its head. @default 30000 */
  readonly headTimeoutMs: number;
  /** Between two pieces of a request body that the handler waits for. @default 30000 */
  readonly bodyTimeoutMs: number;
  /** Between two requests of one connection. @default 75000 */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take for each 64 KiB of an answer. @default 60000 */
  readonly writeTimeoutMs: number;
  /** How long a connection that we end is read on, so that a client still sending gets to see the answer. @default 5000 */
  readonly lingerTimeoutMs: number;
  /** How long a request goes on whose client has closed its side: it may only have said that it has no more requests. @default 1000 */
  readonly halfClosedTimeoutMs: number;
}

/** The limits where the configuration is silent. */
export const defaultHttp1Limits: Http1Limits = {
  maxConnections: 65_536,
  headTimeoutMs: 30_000,
  bodyTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  writeTimeoutMs: 60_000,
  lingerTimeoutMs: 5_000,
  halfClosedTimeoutMs: 1_000,
};
