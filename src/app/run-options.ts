// What `run` can be told.

import type { ServerLimits } from '../fastcgi-server/server-limits.ts';
import type { Log } from '../log.ts';
import type { AppLimits } from './limits.ts';

/** Options of `run`. None is needed: how the application was started is found out. */
export interface RunOptions {
  /** Where to listen when nobody hands over a socket: "127.0.0.1:9000", "9000", "unix:/run/app.sock". `--listen` on the command line wins. */
  readonly listen?: string;
  /** Threads that serve requests; above 1 the mode is `threads`. `--threads` on the command line and POSTERN_THREADS win. @default 1 */
  readonly threads?: number;
  /** IP addresses and networks that may connect over TCP. @default those of FCGI_WEB_SERVER_ADDRS, or everybody */
  readonly allowedClients?: readonly string[];
  /** Connections that the kernel holds before they are accepted. @default 511 */
  readonly backlog?: number;
  readonly limits?: Partial<AppLimits>;
  readonly connectionLimits?: Partial<ServerLimits>;
  /** Takes what is not about one request. @default warnings and errors to standard error */
  readonly log?: Log;
  /** In threads mode: the file that each thread runs, and that calls `run`. @default the program's own */
  readonly entry?: string | URL;
  /** Arguments of that file, before those of this process. */
  readonly entryArguments?: readonly string[];
  /** Whether the process is ended when all is over. false: `run` only resolves with the exit status. @default true */
  readonly exit?: boolean;
}
