// What an operator may ask of a running service on its dashboard, carried out on its pools and told in words.

import type { AdminOperations, Outcome, ReloadStatus } from '../admin/source.ts';
import type { PoolOperations, Unit } from '../backend/unit.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';

/** What the operations are carried out on. */
export interface OperationTargets {
  /** The pools in force; asked for each time. */
  readonly units: () => readonly Unit[];
  /** A pool with what front threads tell of it. */
  readonly summed: (pool: PoolSnapshot) => PoolSnapshot;
  /** The service's own. */
  readonly reload: (pools: readonly string[]) => Promise<ReloadStatus>;
}

/** Makes them. */
export function operationsOn({ units, summed, reload }: OperationTargets): AdminOperations {
  const on = (pool: string, act: (operations: PoolOperations, unit: Unit) => Outcome): Outcome => {
    const unit = units().find(({ name }) => name === pool);
    if (unit === undefined) return { ok: false, message: `there is no pool "${pool}" any more` };
    return act(unit.operations, unit);
  };
  const runs = (unit: Unit, number: number): boolean =>
    summed(unit.snapshot()).lanes.some(({ request }) => request === number);
  return {
    reload,
    recycle: (pool, pid) =>
      on(pool, (operations) =>
        operations.recycle(pid)
          ? { ok: true, message: `process ${pid} of pool ${pool} leaves when its request is done` }
          : { ok: false, message: `pool ${pool} has no process ${pid} that could be replaced` },
      ),
    drain: (pool, isDrained) =>
      on(pool, (operations) => {
        operations.drain(isDrained);
        const words = isDrained ? 'takes no new requests: they are answered 503' : 'takes requests again';
        return { ok: true, message: `pool ${pool} ${words}` };
      }),
    endRequest: (pool, number) =>
      on(pool, (operations, unit) =>
        runs(unit, number) && operations.endRequest(number)
          ? { ok: true, message: `request ${number} of pool ${pool} was ended` }
          : { ok: false, message: `request ${number} of pool ${pool} has ended by itself` },
      ),
  };
}
