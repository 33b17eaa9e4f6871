// What the kernel knows of processes and their descendants: who they are, their processor time and their memory (proc(5)).

import { readdirSync, readFileSync } from 'node:fs';

/** One process of a tree. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** The program's name, as the kernel cuts it: 15 characters. */
  readonly name: string;
  /** Processor time of the process and of the children it has reaped, in microseconds. */
  readonly cpuMicros: number;
  /** The part of it that was spent outside the kernel. */
  readonly userMicros: number;
  /** When it started, in clock ticks since boot: with the pid, this names a process once and for all. */
  readonly startTicks: number;
}

/** What the processes of one peer used, servers and programs (PHP, or the null responder) apart. */
export interface TreeUsage {
  readonly serverMicros: number;
  /** The part of it that was spent outside the kernel. */
  readonly serverUserMicros: number;
  readonly programMicros: number;
}

/** What the processes of one peer hold, in bytes of proportional set size. */
export interface TreeMemory {
  readonly serverBytes: number;
  readonly programBytes: number;
}

// sysconf(_SC_CLK_TCK) is 100 on every Linux that Node runs on.
const microsPerTick = 10_000;

/** The processes in `roots` and all below them, as they are now. */
export function processTree(roots: readonly number[]): ProcessEntry[] {
  const children = new Map<number, ProcessEntry[]>();
  const found: ProcessEntry[] = [];
  for (const entry of allProcesses()) {
    const siblings = children.get(entry.parent);
    if (siblings === undefined) children.set(entry.parent, [entry]);
    else siblings.push(entry);
    if (roots.includes(entry.pid)) found.push(entry);
  }
  // `found` grows while it is walked: breadth first.
  for (const entry of found) found.push(...(children.get(entry.pid) ?? []));
  return [...new Map(found.map((entry) => [entry.pid, entry])).values()];
}

/** The processor time that the trees below `roots` have used since they started. */
export function treeUsage(roots: readonly number[]): TreeUsage {
  let serverMicros = 0;
  let serverUserMicros = 0;
  let programMicros = 0;
  for (const entry of processTree(roots)) {
    if (isProgram(entry.name)) {
      programMicros += entry.cpuMicros;
    } else {
      serverMicros += entry.cpuMicros;
      serverUserMicros += entry.userMicros;
    }
  }
  return { serverMicros, serverUserMicros, programMicros };
}

/** The processor time of one process alone, without its children, since it started. @throws when there is none with that pid */
export function ownUsage(pid: number): { readonly userMicros: number; readonly systemMicros: number } {
  const [user, system] = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    .slice(11, 13)
    .map(Number);
  return { userMicros: user! * microsPerTick, systemMicros: system! * microsPerTick };
}

/** The proportional set size of the trees below `roots`: shared pages are counted once. */
export function treeMemory(roots: readonly number[]): TreeMemory {
  let serverBytes = 0;
  let programBytes = 0;
  for (const entry of processTree(roots)) {
    const bytes = proportionalBytes(entry.pid);
    if (isProgram(entry.name)) programBytes += bytes;
    else serverBytes += bytes;
  }
  return { serverBytes, programBytes };
}

/** How many processes of the trees below `roots` are PHP or the null responder. */
export function countPrograms(roots: readonly number[]): number {
  return processTree(roots).filter((entry) => isProgram(entry.name)).length;
}

/** Whether that very process still runs (a zombie does not). */
export function isRunning(entry: ProcessEntry): boolean {
  const now = readProcess(entry.pid);
  return now !== null && now.startTicks === entry.startTicks;
}

function isProgram(name: string): boolean {
  return name.startsWith('php') || name.startsWith('null-responder');
}

function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry) => entry !== null);
}

function readProcess(pid: number): ProcessEntry | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const fields = statFields(stat);
  if (fields[0] === 'Z') return null;
  const number = (index: number): number => Number(fields[index]);
  return {
    pid,
    parent: number(1),
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    cpuMicros: (number(11) + number(12) + number(13) + number(14)) * microsPerTick,
    userMicros: (number(11) + number(13)) * microsPerTick,
    startTicks: number(19),
  };
}

/** The fields behind the name, which is in parentheses and may hold some itself: they begin after the last one. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function proportionalBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
