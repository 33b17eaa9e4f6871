// What a process is doing at this moment, as the system tells without stopping it: no ptrace, and so no stack of its own code.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessLook } from '../queue/slow-record.ts';
import { childrenOf } from './process-table.ts';
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
function readState(place: number | string): string | null {
  try {
    const text = readFileSync(`/proc/${place}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
  } catch {
    return null;
  }
}

/** Where Linux has those that wait for a connection: of a Unix socket, and of TCP. */
const acceptChannels: ReadonlySet<string> = new Set(['__skb_wait_for_more_packets', 'inet_csk_accept']);

/**
 * Whether a thread of a process, or of one that it has started, does nothing but wait for a connection.
 * @returns null where the system does not tell
 */
export function awaitsConnection(pid: number): boolean | null {
  let isTold = false;
  for (const one of [pid, ...childrenOf(pid, 1)]) {
    for (const thread of namesIn(`/proc/${one}/task`)) {
      const place = `${one}/task/${thread}`;
      const channel = readWaitChannel(place);
      if (acceptChannels.has(channel)) return true;
      isTold ||= channel !== '' || readState(place) === 'R';
    }
  }
  return isTold ? false : null;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** "0" is a process that runs, or one that we may not look into. @param place below /proc */
function readWaitChannel(place: number | string): string {
  try {
    const name = readFileSync(`/proc/${place}/wchan`, 'latin1').trim();
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
