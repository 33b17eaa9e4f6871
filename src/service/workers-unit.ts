// A pool of processes that are kept, as a unit of a service.

import { PoolBackend } from '../backend/pool-backend.ts';
import { PosternError } from '../errors.ts';
import { Pool } from '../pool/pool.ts';
import type { PoolPlan, PreparedProgram, WorkersPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** Makes the unit; nothing is started. */
export function workersUnit(plan: WorkersPlan, { directory, log, clock, launcher }: UnitParts): Unit {
  let inForce = plan;
  let prepared: PreparedProgram = plan.prepare();
  const pool = new Pool({ program: prepared.program, limits: plan.limits, directory, log, clock, launcher });
  return {
    name: plan.name,
    get plan() {
      return inForce;
    },
    backend: new PoolBackend(pool),
    start: () => pool.start(),
    notReady() {
      const { lanes, governor } = pool.snapshot();
      if (lanes.some(({ state }) => state === 'idle' || state === 'busy')) return null;
      if (inForce.limits.minWorkers === 0 && governor === 'ready') return null;
      return `pool ${plan.name} has no worker that is ready${governor === 'ready' ? '' : `: ${governor}`}`;
    },
    async reload(next) {
      const workers = workersPlan(next);
      const after = workers.prepare();
      try {
        await pool.reload(after.program, workers.limits);
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
    describe: () => ({ workers: pool.snapshot() }),
  };
}

function workersPlan(plan: PoolPlan): WorkersPlan {
  if (plan.kind === 'workers') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
