// A reload on its way: the generation that is being started, and the promise of whoever asked for it.

import type { PosternError } from '../errors.ts';
import type { Crew, Generation } from './generation.ts';
import { launchError } from './refusals.ts';

export class Takeover {
  readonly next: Generation;
  /** Resolves when the next generation has taken over; rejects when it cannot. */
  readonly done: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: PosternError) => void = () => {};

  constructor(next: Generation) {
    this.next = next;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether all that was started has answered its probe. */
  get isReady(): boolean {
    return [...this.next.crews].every(({ worker }) => worker.isReady);
  }

  /** How many workers to start, so that the next generation can carry what the present one does. */
  wantedWorkers(presentLanes: number): number {
    const { limits, program, score } = this.next;
    const lanes = Math.min(limits.workers, Math.max(1, limits.minWorkers, presentLanes));
    return Math.max(1, Math.min(Math.floor(lanes / program.lanesPerWorker), score.budget(0)));
  }

  succeed(): void {
    this.#resolve();
  }

  /** A worker of the next generation has ended. */
  lost(crew: Crew): void {
    this.fail(launchError(crew, 'the new workers did not start, the old ones go on'));
  }

  fail(error: PosternError): void {
    this.#reject(error);
  }
}
