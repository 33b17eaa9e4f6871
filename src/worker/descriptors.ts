// The descriptors of this process that a child would inherit: what whoever started us left open without close-on-exec.

import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

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

/** How many more this process may open, below a limit; 0 where there is none left to count them with. A limit may be below what is open. */
export function freeDescriptors(limit: number): number {
  try {
    const open = readdirSync('/proc/self/fd').filter((name) => Number(name) < limit);
    // One was for the list.
    return limit - open.length + 1;
  } catch {
    return 0;
  }
}

/** What a start takes for a moment: a pair for each of three pipes, and one more by which the system tells how it went; and some for others. */
const neededForStart = 12;

/**
 * Asks for the descriptors of a start and gives them back. A start that runs out of them half-way leaves those it made open for good,
 * out of anybody's reach (Node opens the pipes and forgets them).
 * @throws EMFILE, ENFILE
 */
export function checkFreeDescriptors(): void {
  const taken: number[] = [];
  try {
    while (taken.length < neededForStart) taken.push(openSync('/dev/null', 'r'));
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}

/** From 3 up, in order. Node sets close-on-exec on all it opens, and at its start on those below the first gap. */
export function inheritableDescriptors(): number[] {
  return openDescriptors()
    .filter((descriptor) => descriptor >= 3 && descriptor <= highestCovered && isInheritable(descriptor))
    .sort((a, b) => a - b);
}

/**
 * Those of them that a start can cover now: one that was opened before the limit was lowered below it cannot be, and every start would fail
 * with EINVAL. A limit may be lowered while a service runs.
 */
export function coverableNow(descriptors: readonly number[]): readonly number[] {
  if (descriptors.length === 0) return descriptors;
  const limit = descriptorLimit();
  return descriptors.filter((descriptor) => descriptor < limit - 1);
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
