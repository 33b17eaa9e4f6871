// What a manager that was killed left behind: its runtime directory, the process groups of its workers, and what has its mark.

import { appendFileSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { markedProcesses } from './marked.ts';
import { exists, isGone, isGroupAlive, readProcessStat, sendSignal } from './process-table.ts';

/**
 * Extension of the file that names processes: where it counts (boot and process namespace), the leader's id and start time, and those of the members that are known, a
 * line each. An id is used again, by the next boot all the more; with a start time it is not.
 */
const markExtension = '.pid';
/** SIGTERM has so long before SIGKILL: a restart is to take over within a second. */
const graceMs = 400;
const lookPeriodMs = 20;
/** File that holds the mark in the environment of what the manager starts. */
const environmentMarkName = 'environment';
/** Looks for what still comes while it is killed: a program may start others faster than one look. */
const mostLooks = 10;

/** What was left, and ended. */
export interface Leftovers {
  readonly groups: readonly number[];
  /** Processes with the manager's mark, those of the groups among them. */
  readonly processes: readonly number[];
}

/** A process, told from all others of one boot. */
interface Marked {
  readonly pid: number;
  readonly startTicks: number;
}

interface Mark {
  /** Boot and process namespace. */
  readonly place: string;
  readonly leader: Marked;
  readonly members: readonly Marked[];
}

/** Writes down that a process, or the process group it leads, lives; whoever finds the file later can tell whether it still does. */
export function writeMark(path: string, leader: number, members: readonly number[] = []): void {
  const lines = [ownPlace(), lineOf(leader), ...members.filter((pid) => pid !== leader).map(lineOf)];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Adds a process of the group to its mark: it may outlive the leader. */
export function markMember(path: string, pid: number): void {
  appendFileSync(path, `${lineOf(pid)}\n`);
}

/** Whether the process that a file names lives. */
export function isMarkAlive(path: string): boolean {
  const mark = readMark(path);
  if (mark === null || bootOf(mark.place) !== bootOf(ownPlace()) || !exists(mark.leader.pid)) return false;
  const stat = readProcessStat(mark.leader.pid);
  return stat === null ? true : !stat.isZombie && stat.startTicks === mark.leader.startTicks;
}

/** Whether the process that a file names is known to have ended. Of another container on the same system it is not known. */
export function isMarkDead(path: string): boolean {
  const mark = readMark(path);
  if (mark === null) return false;
  const isSeen = mark.place === ownPlace() || bootOf(mark.place) !== bootOf(ownPlace());
  return isSeen && !isMarkAlive(path);
}

/** Writes down which mark is in the environment of what a manager starts. @param directory of the manager */
export function writeEnvironmentMark(directory: string, mark: string): void {
  writeFileSync(join(directory, environmentMarkName), mark, { mode: 0o600 });
}

/** Ends the process groups that the files in a directory name, and what has the manager's mark; then removes it. @returns what was still there */
export async function clearLeftovers(directory: string): Promise<Leftovers> {
  const groups = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(markExtension))
    .flatMap((name) => readMark(join(directory, name)) ?? [])
    .filter(isGroupOurs)
    .map(({ leader }) => leader.pid);
  const mark = readEnvironmentMark(directory);
  const marked = async (): Promise<number[]> => (mark === null ? [] : markedProcesses(mark));
  for (const group of groups) sendSignal(-group, 'SIGTERM');
  const processes = await marked();
  for (const pid of processes) sendSignal(pid, 'SIGTERM');
  const isLeft = (): boolean => groups.some(isGroupAlive) || !processes.every(isGone);
  for (let waitedMs = 0; waitedMs < graceMs && isLeft(); waitedMs += lookPeriodMs) await sleep(lookPeriodMs);
  for (const group of groups.filter(isGroupAlive)) sendSignal(-group, 'SIGKILL');
  for (let looks = 1, left = await marked(); left.length > 0 && looks <= mostLooks; looks += 1) {
    for (const pid of left) sendSignal(pid, 'SIGKILL');
    await sleep(lookPeriodMs);
    left = await marked();
  }
  rmSync(directory, { recursive: true, force: true });
  return { groups, processes };
}

function readEnvironmentMark(directory: string): string | null {
  try {
    const mark = readFileSync(join(directory, environmentMarkName), 'latin1');
    return /^[0-9a-f]{32}$/.test(mark) ? mark : null;
  } catch {
    return null;
  }
}

// A group keeps its id from being given to another process for as long as one of its members lives. So it is ours where its leader is,
// or where a member is that was marked; never because of its id alone.
function isGroupOurs({ place, leader, members }: Mark): boolean {
  if (place !== ownPlace() || !isGroupAlive(leader.pid)) return false;
  return [leader, ...members].some(({ pid, startTicks }) => {
    const stat = readProcessStat(pid);
    return stat !== null && stat.group === leader.pid && stat.startTicks === startTicks;
  });
}

function readMark(path: string): Mark | null {
  try {
    const all = readFileSync(path, 'latin1').split('\n');
    // Of an earlier version, which wrote no place: a manager of it may be running yet.
    const [place, ...lines] = lineFormat.test(all[0] ?? '') ? [ownPlace(), ...all] : [all[0] ?? '', ...all.slice(1)];
    // The last line may have been cut: the manager was killed, or the disk was full.
    const marked = lines.flatMap((line) => {
      const match = lineFormat.exec(line);
      return match === null ? [] : [{ pid: Number(match[1]), startTicks: Number(match[2]) }];
    });
    const [leader, ...members] = marked;
    return leader === undefined ? null : { place, leader, members };
  } catch {
    return null;
  }
}

const lineFormat = /^(\d+) (\d+)$/;

const lineOf = (pid: number): string => `${pid} ${readProcessStat(pid)?.startTicks ?? 0}`;

const bootOf = (place: string): string => place.split(' ', 1)[0]!;

/** Empty where the system does not tell: then marks are told by their start times alone. */
function ownPlace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}
