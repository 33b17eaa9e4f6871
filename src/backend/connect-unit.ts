// A pool of servers elsewhere as one of the service's. Loaded with the first such pool.

import { PermitPool } from '../leases/permit-pool.ts';
import { newServerMemory } from '../upstream/server-board.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../upstream/upstream-pool.ts';
import type { ConnectPlan, PoolPlan } from './plan.ts';
import { permitsFor, planOfKind, queueOperations, type Unit, type UnitParts } from './unit.ts';

/** Makes the unit; besides looks at the servers, it connects when there is something to send. */
export function connectUnit(first: PoolPlan, { clock, log, frontThreads }: UnitParts): Unit {
  const plan = planOfKind(first, 'connect');
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
      inForce = planOfKind(next, 'connect');
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
