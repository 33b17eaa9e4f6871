// The report of one case as data: what is kept in `bench/results/NAME.json` and everything else is made from.

import type { Case } from '../case.ts';
import type { CaseResult, Settings } from '../case-run.ts';
import type { MetricName, Sample } from '../metric.ts';
import type { Peer } from '../peer.ts';
import { judgeTarget } from '../target.ts';

/** What one peer reached. */
export interface PeerReport {
  readonly name: string;
  readonly title: string;
  readonly median: Sample;
  /** The rounds, in order. */
  readonly samples: readonly Sample[];
}

/** What one case came to. */
export interface CaseReport {
  readonly name: string;
  readonly title: string;
  /** ISO 8601, of the end of the case. */
  readonly when: string;
  readonly machine: string;
  readonly settings: Settings;
  readonly headline: MetricName;
  readonly columns: readonly MetricName[];
  readonly peers: readonly PeerReport[];
  /** Peers that were left out, with the reason. */
  readonly left: Readonly<Record<string, string>>;
  /** Each target with what was reached, in words. */
  readonly targets: readonly string[];
}

/** The peer that ratios are against. */
export const referencePeer = 'nginx';

/** Puts a report together. `missing` are peers that are not installed, with what they lack. */
export function reportCase(
  case_: Case,
  peers: readonly Peer[],
  result: CaseResult,
  settings: Settings,
  missing: ReadonlyMap<string, string>,
  machine: string,
): CaseReport {
  return {
    name: case_.name,
    title: case_.title,
    when: new Date().toISOString(),
    machine,
    settings,
    headline: case_.headline,
    columns: case_.columns,
    peers: peers.flatMap((peer) => {
      const median = result.medians.get(peer.name);
      const samples = result.samples.get(peer.name) ?? [];
      return median === undefined ? [] : [{ name: peer.name, title: peer.title, median, samples }];
    }),
    left: Object.fromEntries([...missing, ...result.failures]),
    targets: case_.targets.map((target) => judgeTarget(target, result.medians)).filter((sentence) => sentence !== null),
  };
}

/** A peer's headline figure divided by the reference's; null where one is missing. */
export function ratioOf(report: CaseReport, peer: PeerReport): number | null {
  const ours = peer.median[report.headline];
  const reference = report.peers.find((other) => other.name === referencePeer)?.median[report.headline];
  return ours === undefined || reference === undefined || reference === 0 ? null : ours / reference;
}
