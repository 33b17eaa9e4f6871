// The workers of one program and the queue before them: signatures first, so that others can build on them.

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Program } from '../worker/program.ts';
import type { PoolLimits } from './limits.ts';
import type { PoolSnapshot } from './snapshot.ts';

/** What a pool is made from. */
export interface PoolOptions {
  readonly program: Program;
  readonly limits: PoolLimits;
  /** Folder for its sockets: private to this manager, mode 0700 (see `worker/runtime-directory.ts`). */
  readonly directory: string;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLog */
  readonly log?: Log;
}

export interface PoolSignatures {
  /** As the configuration calls it. */
  readonly name: string;
  /** Starts `minWorkers`. Resolves when the first is ready; rejects with LAUNCH_FAILED when it could not start, and then goes on trying. */
  start(): Promise<void>;
  /** Replaces every worker without losing a request. Rejects, and keeps the old ones, when the new program does not start. */
  reload(program: Program, limits: PoolLimits): Promise<void>;
  /** Refuses new requests, finishes those it has (up to the deadline, `stopTimeoutMs` by default), ends every process. Repeatable. */
  close(deadlineMs?: number): Promise<void>;
  /** Ends every process and request at once. Repeatable. */
  destroy(): Promise<void>;
  snapshot(): PoolSnapshot;
}
