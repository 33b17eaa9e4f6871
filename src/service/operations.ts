// What an operator may ask of a running service on its dashboard, carried out on its pools and told in words.

import type { AdminOperations, Outcome, ReloadStatus } from '../admin/source.ts';
import type { PoolOperations, Unit } from '../backend/unit.ts';

/** What the operations are carried out on. */
export interface OperationTargets {
  /** The pools in force; asked for each time. */
  readonly units: () => readonly Unit[];
  /** The service's own. */
  readonly reload: (pools: readonly string[]) => Promise<ReloadStatus>;
}

/** Makes them. */
export function operationsOn({ units, reload }: OperationTargets): AdminOperations {
  const on = (pool: string, act: (operations: PoolOperations) => Outcome): Outcome => {
    const unit = units().find(({ name }) => name === pool);
    return unit === undefined ? { ok: false, message: `there is no pool "${pool}" any more` } : act(unit.operations);
  };
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
      on(pool, (operations) =>
        operations.endRequest(number)
          ? { ok: true, message: `request ${number} of pool ${pool} was ended` }
          : { ok: false, message: `request ${number} of pool ${pool} has ended by itself` },
      ),
  };
}
