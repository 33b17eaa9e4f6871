// A front thread's part of one pool, whatever the pool's kind.

import type { PoolShare } from '../backend/unit.ts';
import type { Clock } from '../clock.ts';
import type { OperatedQueue, PermitThread } from '../leases/permit-thread.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { PoolTold } from './thread-messages.ts';

/** A thread's part of one pool. */
export interface PoolPart {
  readonly kind: PoolShare['kind'];
  readonly backend: Backend;
  /** What the main thread cannot see by itself; null: nothing. */
  told(): PoolTold | null;
  /** Takes other settings of the same kind. */
  use(share: PoolShare): void;
  close(deadlineMs: number): Promise<unknown>;
  destroy(): Promise<unknown>;
}

/** What parts are made with. */
export interface PartContext {
  /** The thread's. */
  readonly index: number;
  readonly log: Log;
  readonly clock: Clock;
  /** What is in the environment of the programs that it starts. */
  readonly mark: string;
}

/** A pool without processes of its own that are kept. */
interface PermittedPool extends Backend {
  readonly queue: OperatedQueue;
  snapshot(): PoolSnapshot;
  close(deadlineMs: number): Promise<unknown>;
  destroy(): Promise<unknown>;
}

/** A part that runs requests within the permits of all threads. */
export function permittedPart(pool: PermittedPool, permits: PermitThread): Omit<PoolPart, 'kind' | 'use'> {
  permits.open(pool.queue);
  return {
    backend: pool,
    told() {
      const { name, lanes, servers, slow, notReady, spawned, ended, lastEnds } = pool.snapshot();
      return { name, lanes, servers, slow, notReady, spawned, ended, lastEnds };
    },
    close: (deadlineMs) => pool.close(deadlineMs).finally(() => permits.leave()),
    destroy: () => pool.destroy().finally(() => permits.leave()),
  };
}
