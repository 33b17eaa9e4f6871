// One running pool of a service: the backend that routes lead to, and its life; and its way to the front threads.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { CgiSettings } from '../cgi/cgi-settings.ts';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { RelayEnd } from '../launcher/launch-relay.ts';
import type { PoolShared } from '../leases/lease-messages.ts';
import type { PermitPool } from '../leases/permit-pool.ts';
import type { OperatedQueue, PermitsShared } from '../leases/permit-thread.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { UpstreamPoolOptions } from '../upstream/upstream-pool.ts';
import type { Starter } from '../worker/starter.ts';
import type { PoolPlan } from './plan.ts';

/** A pool of managed workers: its lanes are leased to the threads. */
export interface WorkersShare {
  readonly kind: 'workers';
  readonly name: string;
  readonly shared: PoolShared;
  /** What the thread and the pool talk over. */
  readonly port: MessagePort;
}

/** A pool of servers elsewhere: each thread has connections of its own, within the permits of all. */
export interface ConnectShare {
  readonly kind: 'connect';
  readonly name: string;
  /** null: other settings for the part that the thread has. */
  readonly permits: PermitsShared | null;
  readonly options: Omit<UpstreamPoolOptions, 'clock' | 'log' | 'share'>;
}

/** Plain CGI: each thread starts processes, within the permits of all. */
export interface CgiShare {
  readonly kind: 'cgi';
  readonly name: string;
  /** As of ConnectShare. */
  readonly permits: PermitsShared | null;
  readonly settings: CgiSettings;
  /** How its programs are started by the launcher; null: by the thread. */
  readonly relay: RelayEnd | null;
}

/** A pool on its way to a thread: what it makes its part of the pool from. */
export type PoolShare = WorkersShare | ConnectShare | CgiShare;

/** What an operator may ask of a pool of any kind. */
export interface PoolOperations {
  /** Takes no new requests, and finishes those it has; or takes them again. */
  drain(isDrained: boolean): void;
  /** Ends a request, and what runs it. @returns false: no request with this number runs */
  endRequest(number: number): boolean;
  /** Replaces a process when what it runs is done. @returns false: there is none with this id that could be */
  recycle(pid: number): boolean;
}

/** A pool and what it was made from. */
export interface Unit {
  readonly name: string;
  /** The plan that is in force. */
  readonly plan: PoolPlan;
  /** Another one once the pool was made anew: to be asked for with each request. */
  readonly backend: Backend;
  /** Resolves when it can serve. Rejects when it cannot yet; it then goes on trying by itself. */
  start(): Promise<void>;
  /**
   * Takes another plan of the same kind, or the same one anew; no request is lost.
   * Rejects, with the old one still in force, when that does not start.
   * @param isTried its program can be started, as far as is known: see `Pool.reload`
   */
  reload(plan: PoolPlan, isTried: boolean): Promise<void>;
  /** Refuses new requests, finishes those it has, ends what it started. Repeatable. */
  close(deadlineMs?: number): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): Promise<void>;
  /** What an operator may ask of it. */
  readonly operations: PoolOperations;
  /** All that is shown of it, the same for each kind. */
  snapshot(): PoolSnapshot;
  /**
   * What a front thread makes its part of the pool from, and the ports in it that go over to the thread.
   * @param isKnown it has such a part, and is given other settings for it
   */
  share(thread: number, isKnown: boolean): { readonly share: PoolShare; readonly ports: readonly MessagePort[] };
  /** A front thread is no more: what it held comes back. */
  threadDied(thread: number): void;
  /** The event loop of a front thread does not turn: what is kept for it, or free and in its way, others may have. */
  threadStalls(thread: number): void;
}

/** What a unit of one kind is made with. */
export interface UnitParts {
  /** Private folder for sockets. */
  readonly directory: string;
  readonly log: Log;
  /** Closed by whoever gives it, after the units. */
  readonly starter: Starter;
  /** See `Privileged.relay`. */
  readonly relay?: (() => RelayEnd) | undefined;
  /** Its timers' errors are the pool's own. */
  readonly clock: Clock;
  /** How many front threads will take requests besides this one. */
  readonly frontThreads: number;
  /** Told of an error that nothing foresaw elsewhere in the pool. */
  readonly onFault: (error: unknown) => void;
}

/** A plan as that of a unit's kind, which no reload changes. @throws INTERNAL */
export function planOfKind<Kind extends PoolPlan['kind']>(
  plan: PoolPlan,
  kind: Kind,
): Extract<PoolPlan, { kind: Kind }> {
  if (plan.kind === kind) return plan as Extract<PoolPlan, { kind: Kind }>;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}

/** Of a pool that has no processes to replace: what front threads run is theirs to end. */
export function queueOperations(permits: PermitPool, queue: OperatedQueue): PoolOperations {
  return {
    drain: (isDrained) => permits.drain(queue, isDrained),
    endRequest: (number) => permits.endRequest(queue, number),
    recycle: () => false,
  };
}

/** What a thread has in common with the others of such a pool. */
export function permitsFor(permits: PermitPool, thread: number, isKnown: boolean): PermitsShared | null {
  if (isKnown) return null;
  const { port1, port2 } = new MessageChannel();
  permits.open(thread, port1);
  return { ...permits.shared, port: port2 };
}
