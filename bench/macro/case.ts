// One question put to every peer: what is set up, what is measured in a round, and what Postern must reach.

import type { MetricName, Sample } from './metric.ts';
import type { RunningPeer } from './peer.ts';
import type { StackShape } from './stack.ts';
import type { Target } from './target.ts';

/** What a measurement may depend on. */
export interface Plan {
  /** Length of one load. */
  readonly seconds: number;
  /** A private folder of the run. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Says what is going on, on the progress line. */
  note(text: string): void;
}

/** A case of the bench. */
export interface Case {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  readonly stack: StackShape;
  /** A peer answers when this path does, with 200. @default '/hello.php' */
  readonly readyPath?: string;
  /** Whether a peer is started anew for each round, alone; else once for the case, beside the others. @default false */
  readonly fresh?: boolean;
  /** The peers it is run on unless the command line says otherwise. @default all but those that are only where they are named */
  readonly peers?: readonly string[];
  /** The quantity that the ratio and the chart are made of. */
  readonly headline: MetricName;
  readonly columns: readonly MetricName[];
  readonly targets: readonly Target[];
  /** What a peer that runs for the whole case is to have been through before it is measured. @default nothing */
  warmUp?(running: RunningPeer, plan: Plan): Promise<unknown>;
  /** How long that takes. @default 2 */
  readonly warmUpSeconds?: number;
  /** Measures one round on one peer. */
  measure(running: RunningPeer, plan: Plan): Promise<Sample>;
}
