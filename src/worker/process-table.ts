// What the system says of processes: whether they live, how they are ending, what they use, how many were ended for their memory. Linux has it in /proc.

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { type Exit, parseWaitStatus, unseenExit } from './exit.ts';

/** Fields of /proc/PID/stat (proc(5)), counted from the state, which comes after the name in parentheses. */
const stateField = 0;
const parentField = 1;
const groupField = 2;
const flagsField = 6;
const sessionField = 3;
const userTicksField = 11;
const systemTicksField = 12;
const startTicksField = 19;
const waitStatusField = 49;
/** PF_EXITING of the kernel: set before a process's files are closed. */
const exitingFlag = 0x4;

/** One process at one moment. */
export interface ProcessStat {
  readonly isZombie: boolean;
  /** Whether it is about to end: what its files say can be its end. */
  readonly isEnding: boolean;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Since the system started: tells two processes with the same id apart. */
  readonly startTicks: number;
  /** CPU time in USER_HZ, of which every Linux has 100 a second. */
  readonly cpuTicks: number;
  /** How it is ending, as wait(2) tells; 0 while it runs, or where we may not know. */
  readonly waitStatus: number;
}

/** @returns null where there is no such process, or no /proc */
export function readProcessStat(pid: number): ProcessStat | null {
  try {
    const text = readStat(pid);
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const number = (index: number): number => Number(fields[index] ?? 0);
    return {
      isZombie: fields[stateField] === 'Z' || fields[stateField] === 'X',
      isEnding: (number(flagsField) & exitingFlag) !== 0,
      parent: number(parentField),
      group: number(groupField),
      session: number(sessionField),
      startTicks: number(startTicksField),
      cpuTicks: number(userTicksField) + number(systemTicksField),
      waitStatus: number(waitStatusField),
    };
  } catch {
    return null;
  }
}

/** It comes whole in one read: 52 numbers and a name of 64 bytes at most. */
const statBytes = 2_048;

/** Asked with each hand-over of a lane: `readFileSync` takes 8 KB twice from blocks of 64 KB, of which 14 MB in each front thread had outlived their use. */
function readStat(pid: number): string {
  const file = openSync(`/proc/${pid}/stat`, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(statBytes);
    return bytes.toString('latin1', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/**
 * How a process that is not our child is ending, seen while its parent has not reaped it yet: so it must be asked at once
 * when its connection breaks, and may still come too late.
 */
export function glimpseExit(pid: number): Exit {
  const stat = readProcessStat(pid);
  if (stat === null || !(stat.isZombie || stat.isEnding)) return unseenExit;
  if (stat.waitStatus !== 0) return parseWaitStatus(stat.waitStatus, constants.signals);
  // Of a process of another user the system tells 0, however it ended.
  return isOfOwnUser(pid) ? { code: 0, signal: null } : unseenExit;
}

function isOfOwnUser(pid: number): boolean {
  const own = process.geteuid?.() ?? 0;
  return own === 0 || statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === own;
}

/**
 * Sends a signal. @param target a process, or a process group as a negative number
 * @returns false when there is none, or it is not ours
 */
export function sendSignal(target: number, signal: NodeJS.Signals): boolean {
  return send(target, signal) === null;
}

/** Whether there is a process, or a process group as a negative number; whoever it belongs to. */
export function exists(target: number): boolean {
  const error = send(target, 0);
  return error === null || error.code === 'EPERM';
}

function send(target: number, signal: NodeJS.Signals | 0): NodeJS.ErrnoException | null {
  // 0 and -1 would mean our own group and every process there is.
  if (!Number.isInteger(target) || Math.abs(target) <= 1) return new Error('not one process');
  try {
    process.kill(target, signal);
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

/** Whether a process has ended; one that its parent has not reaped yet has. */
export function isGone(pid: number): boolean {
  return !exists(pid) || (readProcessStat(pid)?.isZombie ?? false);
}

/** Whether anything of a process group still runs; the dead that nobody has reaped do not count. */
export function isGroupAlive(group: number): boolean {
  if (!exists(-group)) return false;
  const members = living((stat) => stat.group === group);
  return members === null || members.length > 0;
}

/** What a process's descriptor 0 is: "socket:[4711]"; null where that is not to be seen. */
export function standardInputOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return null;
  }
}

/** Of so many at most: a look at each. */
const mostChildren = 64;

/** The living children of a process, and theirs to a depth; parents come before children. Empty where the system does not tell. */
export function childrenOf(pid: number, levels: number): number[] {
  const children = childrenIn(`/proc/${pid}/task/${pid}/children`);
  if (levels === 1) return children;
  return children.flatMap((child) => [child, ...childrenOf(child, levels - 1)]).slice(0, mostChildren);
}

function childrenIn(path: string): number[] {
  try {
    const pids = readFileSync(path, 'latin1').split(' ');
    return pids
      .filter((text) => text !== '')
      .slice(0, mostChildren)
      .map(Number);
  } catch {
    return [];
  }
}

/** The living descendants of a process; to be asked before it ends, since they are init's then. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  living((stat, id) => {
    parents.set(id, stat.parent);
    return false;
  });
  const isBelow = (id: number): boolean => {
    for (let at = parents.get(id), left = 64; at !== undefined && left > 0; at = parents.get(at), left -= 1) {
      if (at === pid) return true;
    }
    return false;
  };
  return [...parents.keys()].filter(isBelow);
}

/** The living processes for which something holds; null where there is no /proc. */
export function living(isWanted: (stat: ProcessStat, pid: number) => boolean): number[] | null {
  const isLiving = (pid: number): boolean => {
    const stat = readProcessStat(pid);
    return stat !== null && !stat.isZombie && isWanted(stat, pid);
  };
  return processIds()?.filter(isLiving) ?? null;
}

/** All processes; null where there is no /proc. */
export function processIds(): number[] | null {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return null;
  }
}

/** Where our control group counts; null: nobody has asked. */
let ownEvents: string | null = null;

/** How many processes the kernel has ended for their memory so far, in our control group (memory.events), else in all; 0 where it does not say. */
export function memoryKills(): number {
  ownEvents ??= ownEventsPath();
  for (const path of [ownEvents, '/proc/vmstat']) {
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
