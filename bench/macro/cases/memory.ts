// The memory of 64 PHP workers that have each served WordPress: proportional set size, so that shared pages count once.

import type { Case } from '../case.ts';
import { sendCrowd } from '../crowd.ts';
import { countPrograms, treeMemory } from '../process-tree.ts';

const workers = 64;
const limitSeconds = 120;
// After each worker has served once, they go on together, so that each has its full size.
const visitsEach = 4;

export const memory: Case = {
  name: 'memory',
  title: `${workers} PHP workers that have each served WordPress`,
  stack: { site: 'wordpress', workers, connections: workers },
  peers: ['postern', 'nginx', 'lighttpd'],
  headline: 'programMegabytes',
  columns: ['programMegabytes', 'serverMegabytes', 'totalMegabytes', 'programs', 'servedWorkers', 'failed'],
  targets: [
    { metric: 'programMegabytes', of: 'nginx', atMost: 1.15 },
    { metric: 'servedWorkers', atLeast: workers },
  ],
  async measure(running, plan) {
    const result = await sendCrowd({
      url: `${running.origin}/`,
      clients: workers,
      seconds: limitSeconds,
      header: 'x-worker',
      enough: ({ headers, answeredMs }) => headers.size >= workers && answeredMs.length >= workers * visitsEach,
      signal: plan.signal,
    });
    const held = treeMemory(running.roots);
    return {
      programMegabytes: held.programBytes / 1e6,
      serverMegabytes: held.serverBytes / 1e6,
      totalMegabytes: (held.programBytes + held.serverBytes) / 1e6,
      programs: countPrograms(running.roots),
      servedWorkers: result.headers.size,
      failed: [...result.failed.values(), result.refusedMs.length].reduce((sum, count) => sum + count, 0),
    };
  },
};
