// What the thread of a pool and a front thread of it say to each other: data that is cloned on its way. What both see in shared memory is not said. Pure.
//
// The order of messages counts: a thread hears of a block of lanes and of a worker before a lane of them is free, and the pool hears which process
// is behind a lane before it hears what became of that.

import type { MessagePort } from 'node:worker_threads';
import type { EndedRequest } from '../connection/client-exchange.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import type { WorkerFacts } from '../worker/distant-worker.ts';
import type { Exit } from '../worker/exit.ts';
import type { Program } from '../worker/program.ts';
import type { RecycleLimits, Release } from './release.ts';

/** One lane: its slot may have had others, which a late message is about. */
export interface LaneName {
  readonly slot: number;
  readonly tag: number;
}

/** A generation as threads know it. */
export interface GenerationFacts {
  readonly number: number;
  readonly program: Program;
  readonly limits: RecycleLimits;
}

/** Why requests that wait are refused. */
export interface RefusalFacts {
  readonly message: string;
  readonly retryAfterS: number;
}

/** From the pool to a thread. */
export type ToThread =
  | { readonly type: 'block'; readonly index: number; readonly block: SharedArrayBuffer }
  | ({ readonly type: 'generation' } & GenerationFacts)
  | ({ readonly type: 'worker' } & WorkerFacts)
  | { readonly type: 'exited'; readonly worker: number; readonly exit: Exit }
  | { readonly type: 'gone'; readonly worker: number }
  /** A child has ended: its id may be another's. */
  | { readonly type: 'forget'; readonly worker: number; readonly pid: number }
  /** How many requests a process had finished before it came to a lane of this thread. */
  | ({ readonly type: 'met'; readonly pid: number; readonly requests: number; readonly workedMs: number } & LaneName)
  | ({ readonly type: 'break' } & LaneName)
  | ({ readonly type: 'refuse' } & RefusalFacts)
  | { readonly type: 'limits'; readonly limits: QueueLimits }
  /** An operator has the pool take no requests, or take them again. */
  | { readonly type: 'drain'; readonly isDrained: boolean }
  /** An operator ends a request. */
  | { readonly type: 'end-request'; readonly number: number }
  | { readonly type: 'close'; readonly deadlineMs: number }
  | { readonly type: 'destroy' };

/** From a thread to the pool. */
export type FromThread =
  | ({ readonly type: 'released' } & LaneName & Release)
  | { readonly type: 'worked'; readonly worker: number }
  /** @param pid 0: the process of the lane is not known any more */
  | ({ readonly type: 'known'; readonly pid: number } & LaneName)
  /** A process has finished so many requests since it was met or last told of. */
  | {
      readonly type: 'counted';
      readonly worker: number;
      readonly pid: number;
      readonly requests: number;
      readonly workedMs: number;
    }
  | ({ readonly type: 'lost'; readonly pid: number } & LaneName)
  | ({ readonly type: 'foreign'; readonly pid: number } & LaneName)
  | { readonly type: 'anonymous'; readonly generation: number }
  | { readonly type: 'straggled'; readonly pid: number; readonly of: EndedRequest | null }
  | { readonly type: 'silent'; readonly pid: number; readonly generation: number; readonly isResent: boolean }
  /** It closes, and nobody waits in it any more. */
  | { readonly type: 'served' }
  /** Nothing runs in it any more, and it holds no lane. The last word. */
  | { readonly type: 'left' };

/** What threads share of one pool, as a thread is given it. */
export interface PoolShared {
  readonly name: string;
  /** Of `waiting-board.ts`, of the bells, and of the books of each thread. */
  readonly waiting: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  readonly books: SharedArrayBuffer;
  /** In force when it was given; later ones are messages. */
  readonly limits: QueueLimits;
  readonly isDrained: boolean;
}

/** The part of a MessagePort that is used; a test may bring its own. */
export type PoolPort = Pick<MessagePort, 'postMessage' | 'on' | 'close' | 'unref'>;
