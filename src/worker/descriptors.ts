// The descriptors of this process that a child would inherit: what whoever started us left open without close-on-exec.

import { readdirSync, readFileSync } from 'node:fs';

/** Bit of `flags` in /proc/PID/fdinfo (octal): O_CLOEXEC. */
const closeOnExec = 0o2000000;
/** Above this a table of descriptors for each start costs more than it protects. */
const highestCovered = 4_096;

/**
 * How many descriptors this process may have open: those it opens have lower numbers. Infinity where the system does not tell.
 */
export function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY; // not Linux
  }
}

/** From 3 up, in order. Node sets close-on-exec on all it opens, and at its start on those below the first gap. */
export function inheritableDescriptors(): number[] {
  // One that was opened before the limit was lowered below it cannot be covered: every start would fail with EINVAL.
  const highest = Math.min(highestCovered, descriptorLimit() - 1);
  return openDescriptors()
    .filter((descriptor) => descriptor >= 3 && descriptor <= highest && isInheritable(descriptor))
    .sort((a, b) => a - b);
}

function openDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    return []; // not Linux
  }
}

function isInheritable(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    return false; // it was the listing's own, and is closed
  }
}
