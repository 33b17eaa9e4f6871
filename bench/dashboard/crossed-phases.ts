// What a thing costs on a machine that is never still: of twins that run side by side, one has it, then the other; and how sure the median of what
// that comes to is. Pure.

/** What one phase came to. */
export interface Phase {
  readonly requests: number;
  readonly ms: number;
  /** Processor time of the service, user and system. */
  readonly processorMs: number;
}

/** What both twins came to in the same time: the one that has what is measured, and the other. */
export interface PairedPhases {
  readonly open: Phase;
  readonly closed: Phase;
}

/** Once the first twin has what is measured, and once the second. */
export type Crossing = readonly [PairedPhases, PairedPhases];

/** A median, the middle half of what it is of, and between what it is with 95 % of certainty. */
export interface Spread {
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly surely: readonly [number, number];
}

export const requestsPerSecond = ({ requests, ms }: Phase): number => (requests * 1_000) / ms;
export const microsPerRequest = ({ requests, processorMs }: Phase): number => (processorMs * 1_000) / requests;

/** Which twin has what is measured in a phase: first, second, second, first, so that a drift falls on both alike. */
export const lookedAt = (phase: number): 0 | 1 => (phase % 4 === 0 || phase % 4 === 3 ? 0 : 1);

/** What a figure is with what is measured, as a ratio to that without; a twin that is faster than the other by itself does not count. */
export function crossed(figure: (phase: Phase) => number, [one, other]: Crossing): number {
  const ratio = ({ open, closed }: PairedPhases): number => figure(open) / figure(closed);
  return Math.sqrt(ratio(one) * ratio(other));
}

/** The spread of values. @throws RangeError without any */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('a spread needs a value');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
  };
  const rank = leastRank(sorted.length);
  return {
    median: at(0.5),
    quartiles: [at(0.25), at(0.75)],
    surely: rank === null ? [-Infinity, Infinity] : [sorted[rank]!, sorted[sorted.length - 1 - rank]!],
  };
}

/** What can be said of a limit. */
export type Verdict = 'kept' | 'broken' | 'unsure';

/** Whether what a spread is of is at most so much. */
export function judge({ surely: [least, most] }: Spread, limit: number): Verdict {
  if (most <= limit) return 'kept';
  return least > limit ? 'broken' : 'unsure';
}

/** Order statistics: so many of the values may lie outside at each end; each is above the true median as a coin falls. null: too few for any. */
function leastRank(count: number): number | null {
  let chance = 0.5 ** count;
  let below = 0;
  let rank = -1;
  for (let heads = 0; heads < count; heads += 1) {
    below += chance;
    if (below > 0.025) break;
    rank = heads;
    chance *= (count - heads) / (heads + 1);
  }
  return rank < 0 ? null : rank;
}
