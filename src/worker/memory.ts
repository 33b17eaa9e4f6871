// Memory that runs short: workers are made the kernel's first choice, and whether it has ended a process for its memory is known.

import { readFileSync, writeFileSync } from 'node:fs';

/** Added to a worker's score (proc(5), oom_score_adj): the one that ate the memory goes, never the manager. */
const workerScore = 500;

/** Makes a process, and what it starts, go before this one when memory runs out. Does nothing where that cannot be. */
export function preferInShortage(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(workerScore));
  } catch {
    // Not Linux, another user's process, or it has ended.
  }
}

/** Where the kernel counts: of our control group (memory.events), else of the whole system (vmstat). */
const places = [ownEventsPath(), '/proc/vmstat'];

/** How many processes the kernel has ended for their memory so far; 0 where it does not say. */
export function memoryKills(): number {
  for (const path of places) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'latin1'))?.[1];
      if (count !== undefined) return Number(count);
    } catch {
      // That one is not there.
    }
  }
  return 0;
}

function ownEventsPath(): string {
  try {
    const group = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? '/';
    return `/sys/fs/cgroup${group}/memory.events`;
  } catch {
    return '/proc/none';
  }
}
