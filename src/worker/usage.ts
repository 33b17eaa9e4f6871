// What a process uses: memory of its own, and CPU time.

import { readFileSync } from 'node:fs';
import { readProcessStat } from './process-table.ts';

/** At one moment. */
export interface Usage {
  /**
   * Resident anonymous memory. Shared segments and files are left out: PHP's opcode cache is mapped into every child, and
   * ending one of them frees nothing of it.
   */
  readonly memoryBytes: number;
  readonly cpuMs: number;
}

const msPerTick = 10;

/** @returns null where there is no such process, or no /proc */
export function readUsage(pid: number): Usage | null {
  const stat = readProcessStat(pid);
  const memoryBytes = readAnonymousBytes(pid);
  return stat === null || memoryBytes === null ? null : { memoryBytes, cpuMs: stat.cpuTicks * msPerTick };
}

function readAnonymousBytes(pid: number): number | null {
  try {
    const match = /^RssAnon:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}
