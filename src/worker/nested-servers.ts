// Programs that a script starts and that serve its worker's socket instead of what it wants of them: php-cgi finds a listening socket as its descriptor 0,
// and waits there for requests, while its script waits for its output.

import { readFileSync, readlinkSync } from 'node:fs';
import { childrenOf, standardInputOf } from './process-table.ts';

/** Below a process that runs a script: a shell, what it starts, and what that forks. */
const mostLevels = 4;

/**
 * Those below a process that have the socket of its worker as descriptor 0, and were started from the worker's own program. What a script forks (pcntl_fork) is told from them by its
 * command line, which is that of the worker: it was not started. Parents come before children. Empty where the system does not tell: a process of another user.
 */
export function nestedServers(leader: number, pid: number): number[] {
  const below = childrenOf(pid, mostLevels);
  if (below.length === 0) return [];
  const socket = standardInputOf(leader);
  const program = programOf(leader);
  if (socket === null || program === null || !socket.startsWith('socket:')) return [];
  const line = commandLineOf(leader);
  return below.filter(
    (one) => standardInputOf(one) === socket && programOf(one) === program && commandLineOf(one) !== line,
  );
}

function programOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
