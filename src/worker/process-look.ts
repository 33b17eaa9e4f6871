// What a process is doing at this moment, as the system tells without stopping it: no ptrace, and so no stack of its own code.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessLook } from '../queue/slow-record.ts';
import { readUsage } from './usage.ts';

/** Descriptors that are looked at; what has more is counted so far. */
const mostFiles = 1_024;

/** @returns null where there is no such process, or no /proc */
export function lookAtProcess(pid: number): ProcessLook | null {
  const state = readState(pid);
  const usage = readUsage(pid);
  if (state === null || usage === null) return null;
  return { state, waitChannel: readWaitChannel(pid), files: countFiles(pid), ...usage };
}

/** The letter after the name, which may hold anything. */
function readState(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
  } catch {
    return null;
  }
}

/** "0" is a process that runs, or one that we may not look into. */
function readWaitChannel(pid: number): string {
  try {
    const name = readFileSync(`/proc/${pid}/wchan`, 'latin1').trim();
    return name === '0' ? '' : name;
  } catch {
    return '';
  }
}

function countFiles(pid: number): ProcessLook['files'] {
  const files = { socket: 0, pipe: 0, file: 0, other: 0 };
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`).slice(0, mostFiles))
      files[kindOf(`/proc/${pid}/fd/${name}`)] += 1;
  } catch {
    // Another user's process, or it has ended.
  }
  return files;
}

function kindOf(link: string): keyof ProcessLook['files'] {
  try {
    const target = readlinkSync(link);
    if (target.startsWith('socket:')) return 'socket';
    if (target.startsWith('pipe:')) return 'pipe';
    return target.startsWith('/') && !target.startsWith('/dev/') ? 'file' : 'other';
  } catch {
    return 'other'; // it was closed just now
  }
}
