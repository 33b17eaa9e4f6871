// How a process ended: what its parent learns, the words for it, and what it says of the request that it had. Pure.

/** The end of a process, as its parent learns it; both null: nobody saw it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** An end that nobody saw. */
export const unseenExit: Exit = { code: null, signal: null };

/** "exit 255", "SIGKILL", or who knows it. @param parent the process that is told of the end, where that is not this one; 0: none is known */
export function formatExit({ code, signal }: Exit, parent = 0): string {
  if (signal !== null) return signal;
  if (code !== null) return `exit ${code}`;
  return `${parent === 0 ? 'its parent' : `its parent, process ${parent},`} saw how and tells nobody`;
}

/** The same for a list of ends; empty: it was not seen. @param how or that in words already */
export function endingWords(how: Exit | string | null): string {
  if (how === null || typeof how === 'string') return how ?? '';
  return how.code === null && how.signal === null ? '' : formatExit(how);
}

/** Signals that a program brings upon itself. */
const faults: ReadonlySet<string> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGABRT',
  'SIGILL',
  'SIGFPE',
  'SIGSYS',
  'SIGTRAP',
  'SIGXCPU',
  'SIGXFSZ',
]);

/**
 * What an end says of the request that the process had.
 * @param isOutOfMemory whether the kernel has ended a process for its memory just now
 */
export function endOf(
  { code, signal }: Exit,
  isOutOfMemory: boolean,
): 'left' | 'crash' | 'killed' | 'memory' | 'unknown' {
  // Its parent may have reaped it before it was looked at; the kernel's count tells all the same.
  if (isOutOfMemory && code === null && (signal === null || signal === 'SIGKILL')) return 'memory';
  if (signal === null) return code === null ? 'unknown' : code === 0 ? 'left' : 'crash';
  return faults.has(signal) ? 'crash' : 'killed';
}

/** The end in the words of wait(2): the low 7 bits are the signal, the next byte is the exit status. */
export function parseWaitStatus(status: number, signalNames: Readonly<Record<string, number>>): Exit {
  const number = status & 0x7f;
  if (number === 0) return { code: (status >> 8) & 0xff, signal: null };
  const name = Object.keys(signalNames).find((candidate) => signalNames[candidate] === number);
  return { code: null, signal: name ?? `signal ${number}` };
}
