// From nothing to 200 clients at once, on a pool that has not started a worker: how soon, and whether all are answered.

import type { Case } from '../case.ts';
import { failedCount, percentile, sendCrowd } from '../crowd.ts';

const clients = 200;

export const burst: Case = {
  name: 'burst',
  title: `0 to ${clients} clients at once on a cold pool of 8 workers`,
  stack: { cold: true, connections: clients },
  readyPath: '/1k.txt',
  fresh: true,
  headline: 'allMs',
  columns: ['firstMs', 'allMs', 'p50Ms', 'answered', 'refused', 'failed'],
  targets: [
    { metric: 'firstMs', atMost: 100 },
    { metric: 'answered', atLeast: clients },
    { metric: 'refused', atMost: 0 },
    { metric: 'failed', atMost: 0 },
  ],
  async measure(running, plan) {
    const result = await sendCrowd({ url: `${running.origin}/hello.php`, clients, seconds: 0, signal: plan.signal });
    return {
      firstMs: result.firstMs,
      allMs: result.lastMs,
      p50Ms: percentile(result.answeredMs, 0.5),
      answered: result.answeredMs.length,
      refused: result.refusedMs.length,
      failed: failedCount(result),
    };
  },
};
