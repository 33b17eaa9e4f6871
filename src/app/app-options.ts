// What `run` can be told, and the limits of a running application, with finite defaults.

import type { Given } from '../defaults.ts';
import type { ServerLimits } from '../fastcgi-server/server-limits.ts';
import type { Log } from '../log.ts';

/** How long things may take and how much may be kept. */
export interface AppLimits {
  /** From the request to the head of its answer. 0: no limit. @default 60000 */
  readonly requestTimeoutMs: number;
  /** How long a handler that was told to stop, and each requestShutdown, is waited for. @default 5000 */
  readonly graceMs: number;
  /** Requests at a time in one thread; the next one is answered with OVERLOADED. @default 1000 */
  readonly maxRequests: number;
  /** Body bytes that `request.text()` and its like gather; a stream has no limit. @default 67108864 */
  readonly maxBodyBytes: number;
  /** After SIGTERM: how long running requests may go on. @default 10000 */
  readonly stopTimeoutMs: number;
}

/** The limits where nothing is said. */
export const defaultAppLimits: AppLimits = {
  requestTimeoutMs: 60_000,
  graceMs: 5_000,
  maxRequests: 1_000,
  maxBodyBytes: 67_108_864,
  stopTimeoutMs: 10_000,
};

/** Options of `run`. None is needed: how the application was started is found out. */
export interface RunOptions {
  /** Where to listen when nobody hands over a socket: "127.0.0.1:9000", "9000", "unix:/run/app.sock". `--listen` on the command line wins. */
  readonly listen?: string | undefined;
  /** Threads that serve requests; above 1 the mode is `threads`. `--threads` on the command line and POSTERN_THREADS win. @default 1 */
  readonly threads?: number | undefined;
  /** IP addresses and networks that may connect over TCP. @default those of FCGI_WEB_SERVER_ADDRS, or everybody */
  readonly allowedClients?: readonly string[] | undefined;
  /** Connections that the kernel holds before they are accepted. @default 511 */
  readonly backlog?: number | undefined;
  readonly limits?: Given<AppLimits> | undefined;
  readonly connectionLimits?: Given<ServerLimits> | undefined;
  /** Takes what is not about one request. @default warnings and errors to standard error */
  readonly log?: Log | undefined;
  /** In threads mode: the file that each thread runs, and that calls `run`. @default the program's own */
  readonly entry?: string | URL | undefined;
  /** Arguments of that file, before those of this process. */
  readonly entryArguments?: readonly string[] | undefined;
  /** Whether the process is ended when all is over. false: `run` only resolves with the exit status. @default true */
  readonly exit?: boolean | undefined;
}
