// The mark of a manager in the environment of what it has started: who has it, wherever it has gone.

import { readFileSync } from 'node:fs';
import { exists, living, readProcessStat } from './process-table.ts';

/** Name of the variable. A program that is to outlive a killed manager removes it: `env -u POSTERN_MARK`. */
export const markVariable = 'POSTERN_MARK';

/** Processes that were started with the mark; never this one, nor one above it. */
export function markedProcesses(mark: string): number[] {
  const line = `${markVariable}=${mark}`;
  const above = processesAbove(process.pid);
  return living((_, pid) => !above.has(pid) && environmentOf(pid).includes(line)) ?? [];
}

/** The process and its ancestors. One of them has the mark where a program of the dead manager has started this one. */
function processesAbove(first: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (let pid = first; pid > 0 && !found.has(pid) && exists(pid); pid = readProcessStat(pid)?.parent ?? 0) {
    found.add(pid);
  }
  return found;
}

/** As the process was started with it, unless it has written over it; empty: we may not read it. */
function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}
