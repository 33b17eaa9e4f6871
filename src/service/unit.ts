// One running pool of a service, whatever its kind: the backend that routes lead to, and its life.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { Launcher } from '../worker/launcher.ts';
import type { PoolPlan } from './plan.ts';

/** A pool and what it was made from. */
export interface Unit {
  readonly name: string;
  /** The plan that is in force. */
  readonly plan: PoolPlan;
  readonly backend: Backend;
  /** Resolves when it can serve. Rejects when it cannot yet; it then goes on trying by itself. */
  start(): Promise<void>;
  /**
   * Takes another plan of the same kind, or the same one anew; no request is lost.
   * Rejects, with the old one still in force, when that does not start.
   */
  reload(plan: PoolPlan): Promise<void>;
  /** Refuses new requests, finishes those it has, ends what it started. Repeatable. */
  close(deadlineMs?: number): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): Promise<void>;
  /** All that is shown of it, the same for each kind. */
  snapshot(): PoolSnapshot;
}

/** What a unit of one kind is made with. */
export interface UnitParts {
  readonly directory: string;
  readonly log: Log;
  readonly launcher: Launcher;
  /** Its timers' errors are the pool's own. */
  readonly clock: Clock;
  /** Told of an error that nothing foresaw elsewhere in the pool. */
  readonly onFault: (error: unknown) => void;
}
