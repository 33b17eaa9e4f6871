// Which processors this program may use, which need not be the first ones.

import { readFileSync } from 'node:fs';

/** Their numbers; none where the system does not say. */
export function usableProcessors(): number[] {
  try {
    return parseProcessors(/^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '');
  } catch {
    return [];
  }
}

/** Reads a list as Linux writes it: "0-2,5". */
export function parseProcessors(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
  });
}
