// The marks of a manager on what it has started: who has one, wherever it has gone.
//
// One is a variable of the environment. A program may clear its environment, or write over it; so a process that does nothing but serve gives
// all that it starts a second one, a limit.

import { readFileSync } from 'node:fs';
import { Turns } from '../turns.ts';
import { exists, isGone, processIds, readProcessStat } from './process-table.ts';

/** Name of the variable. A program that is to outlive a killed manager removes it, and the limit below: `env -u POSTERN_MARK prlimit --locks=unlimited:`. */
export const markVariable = 'POSTERN_MARK';

/**
 * The soft limit of file locks (RLIMIT_LOCKS) of what the manager with this mark starts. No Linux since 2.4.25 asks for that limit. Every process
 * inherits it, whatever it does to its environment, and everybody may read it in /proc/PID/limits.
 */
export const lockLimitOf = (mark: string): number => 2 ** 48 + Number.parseInt(mark.slice(0, 12), 16);

/** Living processes that were started with the mark; never this one, nor one above it. */
export async function markedProcesses(mark: string): Promise<number[]> {
  const line = `${markVariable}=${mark}`;
  const above = processesAbove(process.pid);
  const limit = new RegExp(`^Max file locks +${lockLimitOf(mark)} `, 'm');
  const isMarked = (pid: number): boolean => environmentOf(pid).includes(line) || limit.test(limitsOf(pid));
  const found: number[] = [];
  // A service that has just begun looks, too.
  const turns = new Turns();
  for (const pid of processIds() ?? []) {
    if (!above.has(pid) && isMarked(pid) && !isGone(pid)) found.push(pid);
    await turns.next();
  }
  return found;
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

/** Empty: it has just gone. */
function limitsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/limits`, 'latin1');
  } catch {
    return '';
  }
}
