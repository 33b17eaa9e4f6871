// A front thread's part of a pool of servers elsewhere: it has connections of its own. Loaded with the first such pool.

import type { ConnectShare, PoolShare } from '../backend/unit.ts';
import { PermitThread } from '../leases/permit-thread.ts';
import { UpstreamPool } from '../upstream/upstream-pool.ts';
import { type PartContext, type PoolPart, permittedPart } from './pool-part.ts';

/** Makes it. */
export type ConnectPart = typeof connectPart;

export function connectPart(share: ConnectShare, { index, clock, log }: PartContext): PoolPart {
  const { kind } = share;
  const permits = new PermitThread(share.permits!, index);
  const pool = new UpstreamPool({ ...share.options, clock, log, share: permits });
  const use = (next: PoolShare): void => {
    if (next.kind === kind) pool.reload({ ...next.options, clock, log, share: permits });
  };
  return { kind, use, ...permittedPart(pool, permits) };
}
