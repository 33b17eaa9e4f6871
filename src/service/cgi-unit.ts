// A pool of plain CGI programs, one process a request, as a unit of a service.

import { CgiBackend } from '../cgi/cgi-backend.ts';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { type Launcher, openLauncher } from '../worker/launcher.ts';
import type { CgiPlan, PoolPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';

/** Makes the unit; a process is started when there is a request. */
export function cgiUnit(plan: CgiPlan, { clock }: UnitParts): Unit {
  const launcher = openLauncher();
  let inForce = plan;
  let current = backendOf(plan, launcher, clock);
  /** Of before a reload, with programs that still run. */
  const retired = new Set<CgiBackend>();
  const destroy = async (): Promise<void> => {
    await Promise.all([current, ...retired].map((one) => one.destroy()));
    launcher.close();
  };
  return {
    name: plan.name,
    get plan() {
      return inForce;
    },
    // The same object for good: routes keep it over a reload, and must not find one that is closing.
    backend: { name: plan.name, run: (request, sink) => current.run(request, sink) },
    start: () => Promise.resolve(),
    notReady: () => null,
    reload(next) {
      inForce = cgiPlan(next);
      const old = current;
      current = backendOf(inForce, launcher, clock);
      retired.add(old);
      void old.close().then(() => retired.delete(old));
      return Promise.resolve();
    },
    async close(deadlineMs) {
      const timer = deadlineMs === undefined ? null : clock.after(deadlineMs, () => void destroy());
      await Promise.all([current, ...retired].map((one) => one.close()));
      timer?.cancel();
      launcher.close();
    },
    destroy,
    describe() {
      const { waiting, running, finished, failed, aborted } = current.counters;
      const program = 'plain CGI, one process a request';
      return { other: { name: plan.name, program, waiting, running, finished, failed, aborted } };
    },
  };
}

function backendOf({ name, limits, env, user }: CgiPlan, launcher: Launcher, clock: Clock): CgiBackend {
  return new CgiBackend({ name, limits, env, user, launcher, clock });
}

function cgiPlan(plan: PoolPlan): CgiPlan {
  if (plan.kind === 'cgi') return plan;
  throw new PosternError('INTERNAL', `pool ${plan.name} was to become one of another kind in place`);
}
