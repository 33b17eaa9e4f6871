// A pool of CGI programs as one of the service's. Loaded with the first such pool.

import { CgiOrphans } from '../cgi/cgi-orphans.ts';
import { CgiPool } from '../cgi/cgi-pool.ts';
import type { CgiSettings } from '../cgi/cgi-settings.ts';
import { PermitPool } from '../leases/permit-pool.ts';
import type { CgiPlan, PoolPlan } from './plan.ts';
import { type PoolShare, permitsFor, planOfKind, queueOperations, type Unit, type UnitParts } from './unit.ts';

/** Makes the unit; a process is started when there is a request. */
export function cgiUnit(first: PoolPlan, { clock, log, starter, relay, frontThreads }: UnitParts): Unit {
  const plan = planOfKind(first, 'cgi');
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
      inForce = planOfKind(next, 'cgi');
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
