// What a case must reach: a bound on one of Postern's figures, as it is or against a peer's. Pure.

import { formatMetric, type MetricName, metrics, type Sample } from './metric.ts';

/** A bound on one of Postern's medians. */
export interface Target {
  readonly metric: MetricName;
  /** The peer that Postern's figure is divided by; none: the figure itself is bounded. */
  readonly of?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Whether a target was reached, in words; null where Postern or the peer was not measured. */
export function judgeTarget(target: Target, medians: ReadonlyMap<string, Sample>): string | null {
  const postern = medians.get('postern');
  if (postern === undefined) return null;
  const { label } = metrics[target.metric];
  const ours = postern[target.metric];
  if (ours === undefined) return `MISSED   ${label}: none (target: ${boundOf(target)})`;
  const theirs = target.of === undefined ? 1 : medians.get(target.of)?.[target.metric];
  if (theirs === undefined || theirs === 0) return null;
  const value = ours / theirs;
  const reached = value >= (target.atLeast ?? -Infinity) && value <= (target.atMost ?? Infinity);
  const shown = target.of === undefined ? formatMetric(target.metric, value) : `${value.toFixed(2)} of ${target.of}`;
  return `${reached ? 'reached' : 'MISSED '}  ${label}: ${shown} (target: ${boundOf(target)})`;
}

function boundOf(target: Target): string {
  if (target.atLeast !== undefined) return `at least ${target.atLeast}`;
  return target.atMost === undefined ? 'to be printed' : `at most ${target.atMost}`;
}
