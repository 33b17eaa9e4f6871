// From the command to the first answer of PHP, and what the idle stack then holds.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from '../case.ts';
import { treeMemory } from '../process-tree.ts';

const settleMs = 500;

export const start: Case = {
  name: 'start',
  title: 'the command to the first answer of PHP (Postern: `serve`); memory when idle',
  stack: { zeroConfiguration: true },
  fresh: true,
  headline: 'readyMs',
  columns: ['readyMs', 'serverMegabytes', 'programMegabytes'],
  targets: [
    { metric: 'readyMs', atMost: 400 },
    { metric: 'serverMegabytes', atMost: 90 },
  ],
  async measure(running) {
    await sleep(settleMs);
    const memory = treeMemory(running.roots);
    return {
      readyMs: running.readyMs,
      serverMegabytes: memory.serverBytes / 1e6,
      programMegabytes: memory.programBytes / 1e6,
    };
  },
};
