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

/** Whether a target was reached, in words; null where a figure is missing. */
export function judgeTarget(target: Target, medians: ReadonlyMap<string, Sample>): string | null {
  const ours = medians.get('postern')?.[target.metric];
  const theirs = target.of === undefined ? 1 : medians.get(target.of)?.[target.metric];
  if (ours === undefined || theirs === undefined || theirs === 0) return null;
  const value = ours / theirs;
  const reached = value >= (target.atLeast ?? -Infinity) && value <= (target.atMost ?? Infinity);
  const shown = target.of === undefined ? formatMetric(target.metric, value) : `${value.toFixed(2)} of ${target.of}`;
  return `${reached ? 'reached' : 'MISSED '}  ${metrics[target.metric].label}: ${shown} (target: ${boundOf(target)})`;
}

function boundOf(target: Target): string {
  if (target.atLeast !== undefined) return `at least ${target.atLeast}`;
  return target.atMost === undefined ? 'to be printed' : `at most ${target.atMost}`;
}
