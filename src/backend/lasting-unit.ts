// A pool that outlasts its own faults: one whose state cannot be trusted any more is made anew from its plan.

import { guardedClock, systemClock, type Timer } from '../clock.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { Faults } from './faults.ts';
import type { PoolPlan } from './plan.ts';
import type { Unit, UnitParts } from './unit.ts';
import { workersUnit } from './workers-unit.ts';

/** What units share. */
export interface UnitContext extends Omit<UnitParts, 'clock' | 'onFault'> {
  readonly faults: Faults;
  /** A pool was made anew: what keeps more of it than the unit follows. */
  readonly onMadeAnew: (unit: Unit) => void;
}

/** A pool whose state cannot be trusted is made anew at most this often: what broke it may break the next one, too. */
const rebuildPauseMs = 10_000;

/**
 * Makes the unit of a plan; nothing is started.
 *
 * An error that nothing foresaw in the pool leaves its state half changed, and ends neither the service nor other
 * pools: the pool is made anew from its plan, with workers of its own, and takes the requests from then on; the old one may
 * finish what it runs.
 */
export async function makeUnit(plan: PoolPlan, context: UnitContext): Promise<Unit> {
  const unitOfKind = await makerOf(plan.kind);
  const { faults, onMadeAnew, ...parts } = context;
  const { log } = parts;
  const retired = new Set<Unit>();
  let isClosing = false;
  let isDrained = false;
  let rebuilding: Timer | null = null;
  let builtMs = Number.NEGATIVE_INFINITY;
  const make = (from: PoolPlan): Unit => {
    const onFault = (error: unknown): void => {
      faults.report(error, `pool ${plan.name}`, { pool: plan.name });
      if (!isClosing && current === made) rebuilding ??= systemClock.after(waitMs(), rebuild);
    };
    const clock = guardedClock(systemClock, onFault);
    const made = unitOfKind(from, { ...parts, clock, onFault });
    return made;
  };
  const waitMs = (): number => Math.max(0, builtMs + rebuildPauseMs - systemClock.now());
  const rebuild = (): void => {
    rebuilding = null;
    if (isClosing) return;
    builtMs = systemClock.now();
    const old = current;
    current = make(old.plan);
    current.operations.drain(isDrained);
    unit.backend = current.backend;
    onMadeAnew(unit);
    log.warn({ pool: plan.name }, `pool ${plan.name} is made anew after a fault, its workers are replaced`);
    current.start().catch((error: Error) => log.error({ pool: plan.name }, error.message));
    retired.add(old);
    void retire(old).finally(() => retired.delete(old));
  };
  let current = make(plan);
  const stopRebuilding = (): void => {
    isClosing = true;
    rebuilding?.cancel();
  };
  const unit: Unit & { backend: Backend } = {
    name: plan.name,
    get plan() {
      return current.plan;
    },
    backend: current.backend,
    start: () => current.start(),
    reload: (next, isTried) => current.reload(next, isTried),
    operations: {
      drain(isOn) {
        isDrained = isOn;
        current.operations.drain(isOn);
      },
      endRequest: (number) => current.operations.endRequest(number),
      recycle: (pid) => current.operations.recycle(pid),
    },
    snapshot: () => current.snapshot(),
    share: (thread, isKnown) => current.share(thread, isKnown),
    threadDied(thread) {
      for (const one of [current, ...retired]) one.threadDied(thread);
    },
    threadStalls: (thread) => current.threadStalls(thread),
    async close(deadlineMs) {
      stopRebuilding();
      await Promise.all([current, ...retired].map((one) => one.close(deadlineMs)));
    },
    async destroy() {
      stopRebuilding();
      await Promise.all([current, ...retired].map((one) => one.destroy()));
    },
  };
  return unit;
}

/** Ends a pool whose state may be wrong: in peace, or else at once. */
async function retire(unit: Unit): Promise<void> {
  try {
    await unit.close(unit.plan.limits.stopTimeoutMs);
  } catch {
    await unit.destroy().catch(() => {});
  }
}

/** Loaded with the first pool of a kind, but for what most services have: that is there before the search for PHP is over. */
async function makerOf(kind: PoolPlan['kind']): Promise<(plan: PoolPlan, parts: UnitParts) => Unit> {
  if (kind === 'workers') return workersUnit;
  return kind === 'connect' ? (await import('./connect-unit.ts')).connectUnit : (await import('./cgi-unit.ts')).cgiUnit;
}
