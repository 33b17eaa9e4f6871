// A pool of plain CGI programs, one process a request, as a unit of a service.

import { CgiPool } from '../cgi/cgi-pool.ts';
import type { CgiSettings } from '../cgi/cgi-settings.ts';
import { PosternError } from '../errors.ts';
import type { CgiPlan, PoolPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** Makes the unit; a process is started when there is a request. */
export function cgiUnit(plan: CgiPlan, { clock, log, launcher }: UnitParts): Unit {
  const { name } = plan;
  const pool = new CgiPool({ ...settingsOf(plan), name, launcher, clock, log });
  let inForce = plan;
  return {
    name,
    get plan() {
      return inForce;
    },
    backend: pool,
    start: () => Promise.resolve(),
    reload(next) {
      inForce = cgiPlan(next);
      pool.use(settingsOf(inForce));
      return Promise.resolve();
    },
    async close(deadlineMs) {
      await pool.close(deadlineMs);
    },
    async destroy() {
      await pool.destroy();
    },
    snapshot: () => pool.snapshot(),
  };
}

function settingsOf({ limits, env, user }: CgiPlan): CgiSettings {
  return { limits, env, user };
}

function cgiPlan(plan: PoolPlan): CgiPlan {
  if (plan.kind === 'cgi') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
