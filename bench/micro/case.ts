// One micro benchmark: the same work done here and by a package of npm, measured by mitata.

import { do_not_optimize, measure } from 'mitata';

/** One way of doing it. It is called again and again; what it returns is kept from being optimised away. */
export type Work = () => unknown;

/** See the file's first line. */
export interface MicroCase {
  readonly name: string;
  readonly ours: Work;
  /** The other package, by its name; null: there is nothing to compare with. */
  readonly peer: { readonly name: string; readonly work: Work } | null;
  /** Records in one call of the work. */
  readonly records: number;
  /** Bytes on the wire in one call of the work. */
  readonly bytes: number;
}

/** What was measured. Times are of one call, in nanoseconds, the median. */
export interface MicroResult {
  readonly micro: MicroCase;
  readonly oursNs: number;
  readonly peerNs: number | null;
}

/** Measures one case: both ways by turns, so that what else the machine does hits both. */
export async function runCase(micro: MicroCase, rounds = 3): Promise<MicroResult> {
  const ours: number[] = [];
  const peers: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await medianNs(micro.ours));
    if (micro.peer !== null) peers.push(await medianNs(micro.peer.work));
  }
  return { micro, oursNs: Math.min(...ours), peerNs: peers.length === 0 ? null : Math.min(...peers) };
}

async function medianNs(work: Work): Promise<number> {
  const isAsync = work() instanceof Promise;
  const stats = await measure(isAsync ? async () => do_not_optimize(await work()) : () => do_not_optimize(work()), {
    min_cpu_time: 300_000_000,
  });
  return stats.p50;
}
