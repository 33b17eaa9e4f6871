// A pool of processes that are kept, as a unit of a service.

import { PosternError } from '../errors.ts';
import { Pool } from '../pool/pool.ts';
import type { PoolPlan, PreparedProgram, WorkersPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** Makes the unit; nothing is started. */
export function workersUnit(plan: WorkersPlan, { directory, log, clock, launcher, onFault }: UnitParts): Unit {
  let inForce = plan;
  let prepared: PreparedProgram = plan.prepare();
  const pool = new Pool({ program: prepared.program, limits: plan.limits, directory, log, clock, launcher, onFault });
  return {
    name: plan.name,
    get plan() {
      return inForce;
    },
    backend: pool.queue,
    start: () => pool.start(),
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
    snapshot: () => pool.snapshot(),
  };
}

function workersPlan(plan: PoolPlan): WorkersPlan {
  if (plan.kind === 'workers') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
