// How a process ended, and the words for it. Pure.

/** The end of a process, as its parent learns it; both null: nobody saw it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** An end that nobody saw. */
export const unseenExit: Exit = { code: null, signal: null };

/** "exit 255", "SIGKILL", or "how, only its parent was told". */
export function formatExit({ code, signal }: Exit): string {
  if (signal !== null) return signal;
  return code === null ? 'how, only its parent was told' : `exit ${code}`;
}

/** The end in the words of wait(2): the low 7 bits are the signal, the next byte is the exit status. */
export function parseWaitStatus(status: number, signalNames: Readonly<Record<string, number>>): Exit {
  const number = status & 0x7f;
  if (number === 0) return { code: (status >> 8) & 0xff, signal: null };
  const name = Object.keys(signalNames).find((candidate) => signalNames[candidate] === number);
  return { code: null, signal: name ?? `signal ${number}` };
}
