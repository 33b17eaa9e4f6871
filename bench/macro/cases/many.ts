// Thousands of idle keep-alive connections while 200 active ones ask for PHP: what a connection costs, and whom it hinders. Both servers keep them for ten
// minutes: on a busy machine to open them takes longer than the 75 s that either has by itself.

import type { Case } from '../case.ts';
import { descriptorLimit, IdleConnections } from '../idle-connections.ts';
import { measureLoad } from '../load-case.ts';

const idleWanted = 30_000;
// What a server needs besides: active connections, workers, files, and some air.
const descriptorsKept = 1000;
// A server of one process cannot hold more than its limit allows.
const load = { path: '/hello.php', connections: 200 };
const idle = Math.min(idleWanted, descriptorLimit() - descriptorsKept);

export const many: Case = {
  name: 'many',
  title: `${idle.toLocaleString('en-US')} idle keep-alive connections${idle < idleWanted ? ` (the machine's limit of descriptors allows no more)` : ''}, 200 active ones on 64 workers`,
  stack: { workers: 64, connections: idle + 200 },
  peers: ['postern', 'postern-threads', 'nginx'],
  headline: 'totalMegabytes',
  columns: [
    'held',
    'dropped',
    'requestsPerSecond',
    'p99Ms',
    'p99AloneMs',
    'p99Ratio',
    'serverMegabytes',
    'programMegabytes',
    'totalMegabytes',
    'errors',
  ],
  targets: [
    { metric: 'held', atLeast: idle },
    { metric: 'dropped', atMost: 0 },
    { metric: 'totalMegabytes', atMost: 800 },
    { metric: 'p99Ratio', atMost: 1.5 },
  ],
  warmUp: (running, plan) => measureLoad(running, plan, load),
  async measure(running, plan) {
    const alone = await measureLoad(running, plan, load);
    plan.note(`opening ${idle} connections`);
    const connections = await IdleConnections.open(running.stack.port, '/1k.txt', idle);
    try {
      const together = await measureLoad(running, plan, load);
      const { held, dropped, failed } = await connections.state();
      const p99Ratio = together.p99Ms! / alone.p99Ms!;
      return { ...together, held, dropped: dropped + failed, p99AloneMs: alone.p99Ms!, p99Ratio };
    } finally {
      await connections.close();
    }
  },
};
