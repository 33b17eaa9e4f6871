// Four times more clients than a pool with its queue has room for: good answers must go on, and refusals must come soon.

import type { Case, Plan } from '../case.ts';
import { type CrowdResult, failedCount, percentile, sendCrowd } from '../crowd.ts';
import type { RunningPeer } from '../peer.ts';

const workers = 8;
// Postern's queue and PHP-FPM's backlog both hold about so many by default.
const queue = 512;
const clients = 4 * (workers + queue);
const overloadSeconds = 20;
// What Postern's Retry-After asks for.
const pauseMs = 1000;

export const overload: Case = {
  name: 'overload',
  title: `${clients} clients for ${overloadSeconds} s on ${workers} workers that take 20 ms each (and a queue of ${queue}); who is refused waits 1 s`,
  stack: { workers, connections: clients },
  headline: 'goodputRatio',
  columns: ['bestPerSecond', 'goodPerSecond', 'goodputRatio', 'p99Ms', 'refused', 'refusalP99Ms', 'failed'],
  targets: [
    { metric: 'goodputRatio', atLeast: 0.9 },
    { metric: 'failed', atMost: 0 },
  ],
  // A server that starts its workers one by one needs some seconds until all of them are there.
  warmUp: (running, plan) => visitSlow(running, plan, 2 * workers, 5),
  async measure(running, plan) {
    const best = await visitSlow(running, plan, workers, plan.seconds);
    const over = await visitSlow(running, plan, clients, overloadSeconds);
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

function visitSlow(running: RunningPeer, plan: Plan, count: number, seconds: number): Promise<CrowdResult> {
  return sendCrowd({ url: `${running.origin}/slow.php`, clients: count, seconds, pauseMs, signal: plan.signal });
}
