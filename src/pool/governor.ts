// Decides what a pool should do now: how many workers to start, what to wait for, which process to recycle. Pure.

import type { StopReason } from '../worker/state.ts';
import type { PoolLimits } from './limits.ts';

/** What the governor sees of a pool: its current generation, its queue and its spawn score. */
export interface GovernorView {
  readonly limits: Pick<PoolLimits, 'workers' | 'minWorkers'>;
  readonly lanesPerWorker: number;
  /** Lanes that can take a request, now or later. */
  readonly lanes: number;
  /** Those of them that are starting. */
  readonly startingLanes: number;
  /** Worker processes of this generation that are not gone, those being stopped included. */
  readonly workers: number;
  readonly waiting: number;
  /** How many starts the spawn score allows now. */
  readonly spawnBudget: number;
  /** When it allows the next one. */
  readonly spawnAllowedAtMs: number;
  /** Whether the program is taken for faulty. */
  readonly isResting: boolean;
  /** Whether its last start failed. */
  readonly isDoubted: boolean;
}

/**
 * What to do, in this order.
 * - `start`: so many workers, now.
 * - `wakeAtMs`: decide again then; null where nothing is held back.
 * - `refuse`: answer all that wait with 503, since no lane can come soon.
 */
export interface Decision {
  readonly start: number;
  readonly wakeAtMs: number | null;
  readonly refuse: boolean;
}

/** A hold that ends so soon is waited for, not refused. */
const patienceMs = 1_000;

/**
 * 1. A lane is wanted for each request that waits and for which none is starting, and `minWorkers` are wanted always.
 * 2. Lanes never exceed `workers`; but one worker is always allowed, however many lanes it has.
 * 3. Workers that are being stopped may double their number for a while, no more.
 * 4. A program whose last start failed is started one at a time.
 * 5. The spawn score says how many may be started now; the rest is wanted again when it allows the next.
 * 6. Where there is no lane and the score allows none soon, nobody is left waiting.
 */
export function decide(view: GovernorView, nowMs: number): Decision {
  const wanted = wantedWorkers(view);
  const start = Math.min(wanted, view.spawnBudget);
  const isHeld = start < wanted && view.spawnAllowedAtMs > nowMs;
  const wakeAtMs = isHeld ? view.spawnAllowedAtMs : null;
  const hasNoLane = view.lanes === 0 && start === 0 && isHeld;
  return { start, wakeAtMs, refuse: hasNoLane && (view.isResting || view.spawnAllowedAtMs - nowMs > patienceMs) };
}

function wantedWorkers(view: GovernorView): number {
  const { limits, lanes, startingLanes, lanesPerWorker, waiting, workers } = view;
  const wantedLanes = Math.max(waiting - startingLanes, limits.minWorkers - lanes, 0);
  const byNeed = Math.ceil(wantedLanes / lanesPerWorker);
  const byLimit =
    lanes === 0
      ? Math.max(1, Math.floor(limits.workers / lanesPerWorker))
      : Math.floor((limits.workers - lanes) / lanesPerWorker);
  const byProcesses = Math.max(1, 2 * Math.ceil(limits.workers / lanesPerWorker)) - workers;
  const allowed = Math.max(0, Math.min(byNeed, byLimit, byProcesses));
  return view.isDoubted ? Math.min(allowed, startingLanes > 0 ? 0 : 1) : allowed;
}

/** What is known of a lane's process when it has no request. */
export interface LaneFacts {
  readonly requests: number;
  readonly ageMs: number;
  readonly idleMs: number;
  readonly memoryBytes: number;
  /** Whether the pool may shrink by it. */
  readonly isAboveMinimum: boolean;
}

/** The limits that recycling goes by. */
export type RecycleLimits = Pick<PoolLimits, 'maxRequests' | 'maxAgeMs' | 'maxMemoryBytes' | 'idleTimeoutMs'>;

/** Why a lane's process should be recycled now that it has no request; null: it should not. */
export function recycleReason(lane: LaneFacts, limits: RecycleLimits): StopReason | null {
  const { maxRequests, maxAgeMs, maxMemoryBytes, idleTimeoutMs } = limits;
  if (maxRequests > 0 && lane.requests >= maxRequests) return 'max-requests';
  if (maxAgeMs > 0 && lane.ageMs >= maxAgeMs) return 'max-age';
  if (maxMemoryBytes > 0 && lane.memoryBytes > maxMemoryBytes) return 'max-memory';
  if (idleTimeoutMs > 0 && lane.isAboveMinimum && lane.idleMs >= idleTimeoutMs) return 'idle';
  return null;
}
