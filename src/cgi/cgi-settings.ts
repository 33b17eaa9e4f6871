// What a CGI pool is made from: what a reload may change, and what stays. Both its slots and its runs read it.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { QueueShare } from '../queue/permits.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { Starter } from '../worker/starter.ts';

/** How much a CGI pool may do at a time, and for how long. */
export interface CgiLimits extends Omit<QueueLimits, 'seats'> {
  /** Processes at a time. */
  readonly workers: number;
  /** How long a program that is ended has between SIGTERM and SIGKILL. */
  readonly stopTimeoutMs: number;
}

/** What of a CGI pool a reload may change. */
export interface CgiSettings {
  readonly limits: CgiLimits;
  /** What the programs get besides the CGI variables; PATH belongs here. */
  readonly env: Readonly<Record<string, string>>;
  /** User to run as; null: as this process. */
  readonly user: string | null;
  /** See `Program.launchKey`. */
  readonly launchKey?: string | undefined;
}

/** What stays. */
export interface CgiParts {
  /** The pool's name. */
  readonly name: string;
  /** Belongs to the caller. */
  readonly starter: Starter;
  readonly clock: Clock;
  readonly log: Log;
  /** Where several threads serve one pool: then these say how many processes run at a time. @default this thread is alone */
  readonly share?: QueueShare;
}
