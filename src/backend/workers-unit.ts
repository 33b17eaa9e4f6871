// A pool of managed workers as one of the service's: its lanes are leased to the front threads.

import { MessageChannel } from 'node:worker_threads';
import { Pool } from '../pool/pool.ts';
import type { PoolPlan, PreparedProgram } from './plan.ts';
import { planOfKind, type Unit, type UnitParts } from './unit.ts';

/** Makes the unit; nothing is started. */
export function workersUnit(
  first: PoolPlan,
  { directory, log, clock, starter, onFault, frontThreads }: UnitParts,
): Unit {
  const plan = planOfKind(first, 'workers');
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
      const workers = planOfKind(next, 'workers');
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
