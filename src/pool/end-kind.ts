// What the end of a worker's process is for the spawn score. Pure.

import type { StopReason } from '../worker/state.ts';
import type { Crew } from './generation.ts';
import type { EndKind } from './spawn-score.ts';

/** Ends that are the program's own doing, also where we finished it. */
const faults: ReadonlySet<StopReason> = new Set(['crash', 'protocol-error', 'timeout']);

/** See EndKind. */
export function endKindOf({ retirement, hasWorked, worker }: Crew): EndKind {
  const isPlanned = retirement !== null && !faults.has(retirement.reason);
  if (isPlanned || (hasWorked && worker.exit?.code === 0)) return 'planned';
  // No program sends itself SIGKILL: somebody else did, which says nothing about whether it can be started.
  const isForeign = retirement === null && worker.exit?.signal === 'SIGKILL';
  return hasWorked || isForeign ? 'killed' : 'failed';
}
