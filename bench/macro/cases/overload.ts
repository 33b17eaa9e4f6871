// Four times more clients than a pool with its queue has room for: good answers must go on, and refusals must come soon.

import type { Case } from '../case.ts';
import { failedCount, percentile, sendCrowd } from '../crowd.ts';

const workers = 8;
// Postern's queue and PHP-FPM's backlog both hold about so many by default.
const queue = 512;
const clients = 4 * (workers + queue);
const overloadSeconds = 20;

export const overload: Case = {
  name: 'overload',
  title: `${clients} clients for ${overloadSeconds} s on ${workers} workers that take 20 ms each (and a queue of ${queue}); who is refused waits 250 ms`,
  stack: { workers, connections: clients },
  headline: 'goodputRatio',
  columns: ['bestPerSecond', 'goodPerSecond', 'goodputRatio', 'p99Ms', 'refused', 'refusalP99Ms', 'failed'],
  targets: [
    { metric: 'goodputRatio', atLeast: 0.9 },
    { metric: 'failed', atMost: 0 },
  ],
  async measure(running, plan) {
    const url = `${running.origin}/slow.php`;
    const best = await sendCrowd({ url, clients: workers, seconds: plan.seconds, signal: plan.signal });
    const over = await sendCrowd({ url, clients, seconds: overloadSeconds, signal: plan.signal });
    const bestPerSecond = best.answeredMs.length / (best.lastMs / 1000);
    const goodPerSecond = over.answeredMs.length / (over.lastMs / 1000);
    return {
      bestPerSecond,
      goodPerSecond,
      goodputRatio: goodPerSecond / bestPerSecond,
      p99Ms: percentile(over.answeredMs, 0.99),
      refused: over.refusedMs.length,
      refusalP99Ms: percentile(over.refusedMs, 0.99),
      failed: failedCount(over),
    };
  },
};
