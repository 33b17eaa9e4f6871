// Pools of FastCGI servers elsewhere, for tests: what a test does not say is as a service has it.

import type { QueueLimits } from '../../src/queue/queue-limits.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../../src/upstream/upstream-pool.ts';

export const queueLimits: Omit<QueueLimits, 'seats'> = {
  queue: 512,
  queueTimeoutMs: 5_000,
  requestTimeoutMs: 60_000,
  readTimeoutMs: 60_000,
};

type Given = Partial<UpstreamPoolOptions> & Pick<UpstreamPoolOptions, 'servers'>;

export function upstreamOptions(given: Given): UpstreamPoolOptions {
  return { name: 'test', maxConnections: 8, reuse: 'bodiless', limits: queueLimits, limitName: 'workers', ...given };
}

export function upstreamPool(given: Given): UpstreamPool {
  return new UpstreamPool(upstreamOptions(given));
}
