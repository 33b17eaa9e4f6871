// One case on all its peers: started together, loaded in turns, stopped. A peer that fails is left out, with its reason.

import type { Case, Plan } from './case.ts';
import { formatMetric, medianSample, metrics, type Sample } from './metric.ts';
import { type Peer, type RunningPeer, startPeer, stopPeer } from './peer.ts';
import type { Processes } from './processes.ts';
import { say, showStep } from './progress.ts';
import type { Workspace } from './workspace.ts';

/** How often and how long. */
export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
}

/** What a case came to: the samples of each round and their medians, by peer. */
export interface CaseResult {
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly medians: ReadonlyMap<string, Sample>;
  /** Peers that could not be measured, with the reason. */
  readonly failures: ReadonlyMap<string, string>;
}

const defaultReadyPath = '/hello.php';
const usualWarmUpSeconds = 2;

/** The state of one case while it runs. */
export class CaseRun {
  readonly #case: Case;
  readonly #settings: Settings;
  readonly #workspace: Workspace;
  readonly #processes: Processes;
  readonly #signal: AbortSignal;
  readonly #samples = new Map<string, Sample[]>();
  readonly #failures = new Map<string, string>();

  constructor(case_: Case, settings: Settings, workspace: Workspace, processes: Processes, signal: AbortSignal) {
    this.#case = case_;
    this.#settings = settings;
    this.#workspace = workspace;
    this.#processes = processes;
    this.#signal = signal;
  }

  /** Measures `peers` in turns. Throws only when it was interrupted. */
  async run(peers: readonly Peer[]): Promise<CaseResult> {
    if (this.#case.fresh === true) await this.#runFresh(peers);
    else await this.#runTogether(peers);
    const medians = new Map([...this.#samples].map(([name, samples]) => [name, medianSample(samples)]));
    return { samples: this.#samples, medians, failures: this.#failures };
  }

  async #runTogether(peers: readonly Peer[]): Promise<void> {
    const running = new Map<Peer, RunningPeer>();
    for (const peer of peers) {
      await this.#attempt(peer, async () => {
        showStep(`${this.#case.name}: starting ${peer.name}`);
        running.set(peer, await this.#start(peer));
        await this.#case.warmUp?.(running.get(peer)!, this.#plan(peer, this.#case.warmUpSeconds ?? usualWarmUpSeconds));
      });
    }
    for (let round = 1; round <= this.#settings.rounds; round += 1) {
      for (const [peer, started] of running) await this.#measure(peer, started, round);
    }
    for (const started of running.values()) await stopPeer(started, this.#processes);
  }

  async #runFresh(peers: readonly Peer[]): Promise<void> {
    for (let round = 1; round <= this.#settings.rounds; round += 1) {
      for (const peer of peers) {
        await this.#attempt(peer, async () => {
          const started = await this.#start(peer);
          await this.#measure(peer, started, round);
          await stopPeer(started, this.#processes);
        });
      }
    }
  }

  async #start(peer: Peer): Promise<RunningPeer> {
    const stack = await this.#workspace.stackFor(this.#case.stack, peer.name);
    return await startPeer(peer, stack, this.#processes, this.#case.readyPath ?? defaultReadyPath, this.#signal);
  }

  async #measure(peer: Peer, started: RunningPeer, round: number): Promise<void> {
    if (this.#failures.has(peer.name)) return;
    await this.#attempt(peer, async () => {
      const label = `${this.#case.name}: round ${round} of ${this.#settings.rounds}, ${peer.name}`;
      showStep(label);
      const sample = await this.#case.measure(started, this.#plan(peer, this.#settings.seconds));
      const { headline } = this.#case;
      say(`${label}: ${formatMetric(headline, sample[headline])} ${metrics[headline].label}`);
      this.#samples.set(peer.name, [...(this.#samples.get(peer.name) ?? []), sample]);
    });
  }

  /** A peer that fails leaves the case; the others go on. */
  async #attempt(peer: Peer, act: () => Promise<void>): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#failures.has(peer.name)) return;
    try {
      await act();
    } catch (error) {
      this.#signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      say(`${this.#case.name}: ${peer.name} leaves: ${reason}`);
      this.#failures.set(peer.name, reason.split('\n')[0]!);
    }
  }

  #plan(peer: Peer, seconds: number): Plan {
    return {
      seconds,
      folder: this.#workspace.folder,
      signal: this.#signal,
      note: (text) => showStep(`${this.#case.name}: ${peer.name}: ${text}`),
    };
  }
}
