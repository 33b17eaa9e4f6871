// The limits of one pool of managed workers. Names are those of the configuration, with units; 0 is "no limit" where nothing else is said.

import type { QueueLimits } from '../queue/queue-limits.ts';

/** What a pool may do. Every duration is in milliseconds. */
export interface PoolLimits extends Omit<QueueLimits, 'seats'> {
  /** Lanes at most. */
  readonly workers: number;
  /** Lanes that are kept ready without traffic (for a preforking program: one worker process when above 0). */
  readonly minWorkers: number;
  /** A process above minWorkers that was idle so long is stopped. 0: never. */
  readonly idleTimeoutMs: number;
  /** A process is recycled after so many requests. 0: never. */
  readonly maxRequests: number;
  /** A process is recycled at this age, when idle. 0: never. */
  readonly maxAgeMs: number;
  /** A process is recycled when idle above this resident size, in bytes; above twice of it as soon as its request is done. 0: never. */
  readonly maxMemoryBytes: number;
  /** How long a running request may go on when its process is retired, and how long SIGTERM has before SIGKILL. */
  readonly stopTimeoutMs: number;
  /** mod_fcgid's FcgidSpawnScore. */
  readonly spawnScore: number;
  /** mod_fcgid's FcgidTerminationScore. */
  readonly terminationScore: number;
  /** mod_fcgid's FcgidTimeScore: what each second takes off. */
  readonly timeScore: number;
  /** mod_fcgid's FcgidSpawnScoreUpLimit: at this score nothing is started. */
  readonly spawnScoreUpLimit: number;
}

/** What its queue needs of them. */
export function queueLimits(limits: PoolLimits): QueueLimits {
  const { workers, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs, slowAfterMs = 0 } = limits;
  return { seats: workers, queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs, slowAfterMs };
}
