// The limits of the application side of a connection: all that a peer can make us keep or wait for, with finite defaults.

import type { Environment } from '../protocol/cgi/exchange.ts';
import { defaultNameValueLimits, type NameValueLimits } from '../protocol/fastcgi/name-value-reader.ts';

/** What a web server may ask of us on one connection. Every duration is in milliseconds. */
export interface ServerLimits {
  /** Connections at a time; the next one is closed at once. Told to GET_VALUES as FCGI_MAX_CONNS. @default 1000 */
  readonly maxConnections: number;
  /** Requests at a time on one connection; the next one is answered with OVERLOADED. 1: no multiplexing. @default 64 */
  readonly maxExchanges: number;
  /** PARAMS of one request. @default 262144 bytes, 1000 pairs */
  readonly params: NameValueLimits;
  /** Unread bytes of one STDIN or DATA above which nothing more is read, when the request is alone on its connection. @default 65536 */
  readonly maxUnreadBytes: number;
  /** The same when other requests share the connection, and would have to wait for this one's reader. @default 1048576 */
  readonly maxSharedUnreadBytes: number;
  /** From the first byte of a request to the end of its PARAMS. 0: no limit. @default 10000 */
  readonly paramsTimeoutMs: number;
  /** Between two pieces of STDIN or DATA that somebody reads. 0: no limit. @default 60000 */
  readonly inputTimeoutMs: number;
  /** How long the peer may read nothing of our output. 0: no limit. @default 60000 */
  readonly writeTimeoutMs: number;
  /** A connection without a request is closed after so long. 0: never. @default 600000 */
  readonly idleTimeoutMs: number;
  /** How long input is still read, and thrown away, after our last byte, so that a reset does not destroy it on its way. @default 2000 */
  readonly lingerTimeoutMs: number;
}

/** The limits where nothing is said. */
export const defaultServerLimits: ServerLimits = {
  maxConnections: 1_000,
  maxExchanges: 64,
  params: defaultNameValueLimits,
  maxUnreadBytes: 65_536,
  maxSharedUnreadBytes: 1_048_576,
  paramsTimeoutMs: 10_000,
  inputTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  idleTimeoutMs: 600_000,
  lingerTimeoutMs: 2_000,
};

/** What GET_VALUES may ask. FCGI_MAX_REQS is what all connections together may ask for (FastCGI 1.0, section 4.1). */
export function formatLimits({ maxConnections, maxExchanges }: ServerLimits): Environment {
  return {
    FCGI_MAX_CONNS: String(maxConnections),
    FCGI_MAX_REQS: String(maxConnections * maxExchanges),
    FCGI_MPXS_CONNS: maxExchanges > 1 ? '1' : '0',
  };
}
