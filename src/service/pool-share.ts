// A pool on its way to a front thread: what the thread makes its part of the pool from. Pure.

import type { CgiSettings } from '../cgi/cgi-settings.ts';
import type { UpstreamPoolOptions } from '../upstream/upstream-pool.ts';

/** A pool of servers elsewhere: each thread has connections of its own. */
export interface ConnectShare {
  readonly kind: 'connect';
  readonly name: string;
  readonly options: Omit<UpstreamPoolOptions, 'clock' | 'log'>;
}

/** Plain CGI: each thread starts processes. */
export interface CgiShare {
  readonly kind: 'cgi';
  readonly name: string;
  readonly settings: CgiSettings;
}

export type PoolShare = ConnectShare | CgiShare;
