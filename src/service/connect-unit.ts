// A pool of FastCGI servers elsewhere, as a unit of a service.

import { RemoteBackend, type RemoteBackendOptions } from '../backend/remote-backend.ts';
import { PosternError } from '../errors.ts';
import type { ConnectPlan, PoolPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** As long as a timer can be. */
const neverMs = 2 ** 31 - 1;

/** Makes the unit; it connects when there is something to send. */
export function connectUnit(plan: ConnectPlan, { clock }: UnitParts): Unit {
  let inForce = plan;
  const backend = new RemoteBackend({ ...optionsOf(plan), clock });
  return {
    name: plan.name,
    get plan() {
      return inForce;
    },
    backend,
    start: () => Promise.resolve(),
    notReady: () => null,
    reload(next) {
      inForce = connectPlan(next);
      backend.reload(optionsOf(inForce));
      return Promise.resolve();
    },
    async close(deadlineMs) {
      const timer = deadlineMs === undefined ? null : clock.after(deadlineMs, () => backend.destroy());
      await backend.close();
      timer?.cancel();
    },
    destroy() {
      backend.destroy();
      return Promise.resolve();
    },
    describe() {
      const { waiting, running, finished, failed, refused, aborted } = backend.counters;
      const counts = { waiting, running, finished, failed: failed + refused, aborted };
      return { other: { name: plan.name, program: backend.description, ...counts } };
    },
  };
}

function optionsOf({ name, servers, reuse, idleTimeoutMs, limits }: ConnectPlan): RemoteBackendOptions {
  const { workers, queue, queueTimeoutMs, requestTimeoutMs } = limits;
  return {
    name,
    servers: servers.map(({ address, weight }) => ({ address, weight })),
    maxConnections: workers,
    reuse,
    idleTimeoutMs: idleTimeoutMs === 0 ? neverMs : idleTimeoutMs,
    limits: { queue, queueTimeoutMs, requestTimeoutMs },
  };
}

function connectPlan(plan: PoolPlan): ConnectPlan {
  if (plan.kind === 'connect') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
