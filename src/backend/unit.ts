// One running pool of a service: the backend that routes lead to, and its life; and how each kind of pool becomes one.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { CgiOrphans } from '../cgi/cgi-orphans.ts';
import { CgiPool } from '../cgi/cgi-pool.ts';
import type { CgiSettings } from '../cgi/cgi-settings.ts';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { RelayEnd } from '../launcher/launch-relay.ts';
import type { PoolShared } from '../leases/lease-messages.ts';
import { PermitPool } from '../leases/permit-pool.ts';
import type { OperatedQueue, PermitsShared } from '../leases/permit-thread.ts';
import type { Log } from '../log.ts';
import { Pool } from '../pool/pool.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { newServerMemory } from '../upstream/server-board.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../upstream/upstream-pool.ts';
import type { Starter } from '../worker/starter.ts';
import type { CgiPlan, ConnectPlan, PoolPlan, PreparedProgram, WorkersPlan } from './plan.ts';

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

/** Makes the unit; nothing is started. */
export function workersUnit(
  plan: WorkersPlan,
  { directory, log, clock, starter, onFault, frontThreads }: UnitParts,
): Unit {
  let inForce = plan;
  let prepared: PreparedProgram = plan.prepare();
  const { limits } = plan;
  const pool = new Pool({ program: prepared.program, limits, frontThreads, directory, log, clock, starter, onFault });
  return {
    name: plan.name,
    get plan() {
      return inForce;
    },
    backend: pool.queue,
    start: () => pool.start(),
    async reload(next, isTried) {
      const workers = workersPlan(next);
      const after = workers.prepare();
      try {
        await pool.reload(after.program, workers.limits, isTried);
      } catch (error) {
        after.release();
        throw error;
      }
      prepared.release();
      prepared = after;
      inForce = workers;
    },
    async close(deadlineMs) {
      await pool.close(deadlineMs);
      prepared.release();
    },
    async destroy() {
      await pool.destroy();
      prepared.release();
    },
    operations: {
      drain: (isDrained) => pool.drain(isDrained),
      endRequest: (number) => pool.endRequest(number),
      recycle: (pid) => pool.recycle(pid),
    },
    snapshot: () => pool.snapshot(),
    share(thread) {
      const { port1, port2 } = new MessageChannel();
      pool.openThread(thread, port1);
      return { share: { kind: 'workers', name: plan.name, shared: pool.shared, port: port2 }, ports: [port2] };
    },
    threadDied: (thread) => pool.threadDied(thread),
    threadStalls: (thread) => pool.threadStalls(thread),
  };
}

/** Of a pool that has no processes to replace: what front threads run is theirs to end. */
function queueOperations(permits: PermitPool, queue: OperatedQueue): PoolOperations {
  return {
    drain: (isDrained) => permits.drain(queue, isDrained),
    endRequest: (number) => permits.endRequest(queue, number),
    recycle: () => false,
  };
}

/** What a thread has in common with the others of such a pool. */
function permitsFor(permits: PermitPool, thread: number, isKnown: boolean): PermitsShared | null {
  if (isKnown) return null;
  const { port1, port2 } = new MessageChannel();
  permits.open(thread, port1);
  return { ...permits.shared, port: port2 };
}

function workersPlan(plan: PoolPlan): WorkersPlan {
  if (plan.kind === 'workers') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}

/** Makes the unit; besides looks at the servers, it connects when there is something to send. */
export function connectUnit(plan: ConnectPlan, { clock, log, frontThreads }: UnitParts): Unit {
  let inForce = plan;
  const known = new KnownServers();
  let options = optionsOf(plan, known);
  const { name } = plan;
  const share = new PermitPool(plan.limits.workers, frontThreads);
  const pool = new UpstreamPool({ ...options, clock, log, share });
  return {
    name,
    get plan() {
      return inForce;
    },
    backend: pool,
    // A server that is not there yet is no reason not to start: the pool says that it is not ready, and looks again.
    start: () => pool.watch(),
    reload(next) {
      inForce = connectPlan(next);
      options = optionsOf(inForce, known);
      share.use(inForce.limits.workers);
      pool.reload({ ...options, clock, log, share });
      return pool.watch();
    },
    close: (deadlineMs = inForce.limits.stopTimeoutMs) => pool.close(deadlineMs).finally(() => share.close()),
    destroy: () => pool.destroy().finally(() => share.close()),
    operations: queueOperations(share, pool.queue),
    snapshot: () => ({ ...pool.snapshot(), counters: share.counters, durations: share.durations }),
    share(thread, isKnown) {
      const permits = permitsFor(share, thread, isKnown);
      const ports = permits === null ? [] : [permits.port];
      return { share: { kind: 'connect', name, permits, options }, ports };
    },
    threadDied: (thread) => share.forget(thread),
    threadStalls: (thread) => share.passOver(thread),
  };
}

/** The memory of what is known of servers. The same servers keep theirs over a reload, and over one that is undone: threads go on with it. */
class KnownServers {
  #kept: readonly { readonly servers: string; readonly memory: SharedArrayBuffer }[] = [];

  memoryOf(servers: ConnectPlan['servers']): SharedArrayBuffer {
    const key = JSON.stringify(servers);
    const { memory } = this.#kept.find((one) => one.servers === key) ?? { memory: newServerMemory(servers.length) };
    this.#kept = [{ servers: key, memory }, ...this.#kept.filter((one) => one.servers !== key)].slice(0, 2);
    return memory;
  }
}

function optionsOf(
  { name, servers, reuse, idleTimeoutMs, limits }: ConnectPlan,
  known: KnownServers,
): UpstreamPoolOptions {
  return {
    name,
    servers: servers.map(({ address, weight, backup }) => ({ address, weight, isBackup: backup })),
    known: known.memoryOf(servers),
    maxConnections: limits.workers,
    limitName: 'workers',
    reuse,
    idleTimeoutMs,
    limits,
  };
}

function connectPlan(plan: PoolPlan): ConnectPlan {
  if (plan.kind === 'connect') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}

/** Makes the unit; a process is started when there is a request. */
export function cgiUnit(plan: CgiPlan, { clock, log, starter, relay, frontThreads }: UnitParts): Unit {
  const { name } = plan;
  const permits = new PermitPool(plan.limits.workers, frontThreads);
  const pool = new CgiPool({ ...settingsOf(plan), name, starter, clock, log, share: permits });
  let inForce = plan;
  const orphans = new CgiOrphans({ name, clock, log });
  const ended = (): void => {
    orphans.destroy();
    permits.close();
  };
  return {
    name,
    get plan() {
      return inForce;
    },
    backend: pool,
    start: () => Promise.resolve(),
    reload(next) {
      inForce = cgiPlan(next);
      permits.use(inForce.limits.workers);
      pool.use(settingsOf(inForce));
      return Promise.resolve();
    },
    async close(deadlineMs) {
      await pool.close(deadlineMs).finally(ended);
    },
    async destroy() {
      await pool.destroy().finally(ended);
    },
    operations: queueOperations(permits, pool.queue),
    snapshot: () => ({ ...pool.snapshot(), counters: permits.counters, durations: permits.durations }),
    share(thread, isKnown) {
      const end = inForce.launchKey === undefined ? null : (relay?.() ?? null);
      const shared = permitsFor(permits, thread, isKnown);
      const share: PoolShare = { kind: 'cgi', name, permits: shared, settings: settingsOf(inForce), relay: end };
      return { share, ports: [shared, end].flatMap((one) => one?.port ?? []) };
    },
    threadDied(thread) {
      const { stopTimeoutMs } = inForce.limits;
      permits.forget(thread, (process, isGone) => orphans.end(process, stopTimeoutMs, isGone));
    },
    threadStalls: (thread) => permits.passOver(thread),
  };
}

function settingsOf({ limits, env, user, launchKey }: CgiPlan): CgiSettings {
  return { limits, env, user, launchKey };
}

function cgiPlan(plan: PoolPlan): CgiPlan {
  if (plan.kind === 'cgi') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
