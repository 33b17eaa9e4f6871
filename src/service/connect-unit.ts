// A pool of FastCGI servers elsewhere, as a unit of a service.

import { PosternError } from '../errors.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../upstream/upstream-pool.ts';
import type { ConnectPlan, PoolPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** Makes the unit; besides looks at the servers, it connects when there is something to send. */
export function connectUnit(plan: ConnectPlan, { clock, log }: UnitParts): Unit {
  let inForce = plan;
  const { name } = plan;
  const pool = new UpstreamPool({ ...optionsOf(plan), clock, log });
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
      pool.reload({ ...optionsOf(inForce), clock, log });
      return pool.watch();
    },
    close: (deadlineMs = inForce.limits.stopTimeoutMs) => pool.close(deadlineMs),
    destroy: () => pool.destroy(),
    snapshot: () => pool.snapshot(),
  };
}

function optionsOf({ name, servers, reuse, idleTimeoutMs, limits }: ConnectPlan): UpstreamPoolOptions {
  return {
    name,
    servers: servers.map(({ address, weight, backup }) => ({ address, weight, isBackup: backup })),
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
