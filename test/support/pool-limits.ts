// The limits of a pool in tests, each of which gives those that it is about.

import type { PoolLimits } from '../../src/pool/pool-state.ts';

export const defaultLimits: PoolLimits = {
  workers: 8,
  minWorkers: 1,
  queue: 512,
  queueTimeoutMs: 5_000,
  requestTimeoutMs: 60_000,
  readTimeoutMs: 60_000,
  idleTimeoutMs: 300_000,
  maxRequests: 0,
  maxAgeMs: 0,
  maxMemoryBytes: 0,
  stopTimeoutMs: 10_000,
  spawnScore: 1,
  terminationScore: 2,
  timeScore: 1,
  spawnScoreUpLimit: 10,
};
