// Carries out what the governor decides: starts workers, wakes when the next may be started, refuses where none can.

import type { Clock, Timer } from '../clock.ts';
import type { Generation } from './generation.ts';
import { decide } from './governor.ts';
import type { Health } from './health.ts';
import type { Ledger } from './ledger.ts';
import { restingError } from './refusals.ts';
import type { Roster } from './roster.ts';

/** What it works with. */
export interface StaffingOptions {
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly health: Health;
  readonly clock: Clock;
  /** The time has come to decide again. */
  readonly onWake: () => void;
}

export class Staffing {
  readonly #options: StaffingOptions;
  #timer: Timer | null = null;
  #wakeAtMs = 0;

  constructor(options: StaffingOptions) {
    this.#options = options;
  }

  /** When it decides again; null: nothing is held back. */
  get heldUntilMs(): number | null {
    return this.#timer === null ? null : this.#wakeAtMs;
  }

  /** @param refused requests that were refused just now, and would have waited */
  govern(generation: Generation, refused: number): void {
    const { limits, program, score } = generation;
    // The usual case of a full pool costs no more than this.
    if (generation.lanes >= limits.workers && this.#timer === null) return;
    const { ledger, health, clock } = this.#options;
    const nowMs = clock.now();
    const decision = decide(
      {
        limits,
        lanesPerWorker: program.lanesPerWorker,
        lanes: generation.lanes,
        startingLanes: generation.startingLanes,
        workers: generation.crews.size,
        waiting: ledger.waiting + refused,
        spawnBudget: score.budget(nowMs),
        spawnAllowedAtMs: score.allowedAtMs(nowMs),
        isResting: score.isResting(nowMs),
        isDoubted: score.isDoubted,
      },
      nowMs,
    );
    for (let count = 0; count < decision.start; count += 1) this.start(generation);
    this.#setWake(decision.wakeAtMs, nowMs);
    health.report(generation, decision.refuse, nowMs);
    if (decision.refuse) ledger.refuseAll(restingError(score, nowMs));
  }

  /** Starts one worker. */
  start(generation: Generation): void {
    const { program, limits, lanes } = generation;
    this.#options.roster.start(generation, Math.max(1, Math.min(program.lanesPerWorker, limits.workers - lanes)));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #setWake(atMs: number | null, nowMs: number): void {
    this.stop();
    if (atMs === null || atMs === Number.POSITIVE_INFINITY) return;
    this.#wakeAtMs = atMs;
    this.#timer = this.#options.clock.after(atMs - nowMs, () => {
      this.#timer = null;
      this.#options.onWake();
    });
  }
}
