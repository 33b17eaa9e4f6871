// What a manager that was killed left behind: its runtime directory, and the process groups of its workers.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGroupAlive, readProcessStat, sendSignal } from './process-table.ts';

/** Extension of the file that names a process: its id and its start time, in a line. */
const markExtension = '.pid';
/** SIGTERM has so long before SIGKILL: a restart is to take over within a second. */
const graceMs = 400;
const lookPeriodMs = 20;

/** Writes down that a process, or the process group it leads, lives; whoever finds the file later can tell whether it still does. */
export function writeMark(path: string, pid: number): void {
  writeFileSync(path, `${pid} ${readProcessStat(pid)?.startTicks ?? 0}\n`, { mode: 0o600 });
}

/** Whether the process that a file names lives. */
export function isMarkAlive(path: string): boolean {
  const mark = readMark(path);
  if (mark === null || !sendSignal(mark.pid, 0)) return false;
  const stat = readProcessStat(mark.pid);
  return stat === null ? true : !stat.isZombie && stat.startTicks === mark.startTicks;
}

/** Ends the process groups that the files in a directory name, then removes it. @returns the groups that were still there */
export async function clearLeftovers(directory: string): Promise<number[]> {
  const groups = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(markExtension))
    .map((name) => join(directory, name))
    .filter(isGroupOurs)
    .map((path) => readMark(path)!.pid);
  for (const group of groups) sendSignal(-group, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < graceMs && groups.some(isGroupAlive); waitedMs += lookPeriodMs) {
    await sleep(lookPeriodMs);
  }
  for (const group of groups.filter(isGroupAlive)) sendSignal(-group, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
  return groups;
}

// A group outlives its leader and keeps the id from being given to another process; so only a leader that lives can be another one.
function isGroupOurs(path: string): boolean {
  const mark = readMark(path);
  if (mark === null || !isGroupAlive(mark.pid)) return false;
  const leader = readProcessStat(mark.pid);
  return leader === null || leader.startTicks === mark.startTicks;
}

function readMark(path: string): { readonly pid: number; readonly startTicks: number } | null {
  try {
    const match = /^(\d+) (\d+)\n$/.exec(readFileSync(path, 'latin1'));
    return match ? { pid: Number(match[1]), startTicks: Number(match[2]) } : null;
  } catch {
    return null;
  }
}
