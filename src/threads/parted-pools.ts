// The pools that front threads have a part of: those in force, and those that a reload has taken away, while requests of theirs run.

import type { Unit } from '../backend/unit.ts';

/** `done`: the thread has finished with the others. */
interface Commit {
  readonly done: Promise<unknown>;
}

/**
 * A thread that is lost may have been the last that ran something of a pool which nobody else knows any more: what it held comes back,
 * and its programs are ended, there too.
 */
export class PartedPools {
  #inForce: readonly Unit[] = [];
  readonly #leaving = new Set<Unit>();

  /** These are in force from now on. @param commits of each thread. @returns when all have */
  async replace(units: Iterable<Unit>, commits: readonly Commit[]): Promise<void> {
    const before = this.#inForce;
    this.#inForce = [...units];
    const gone = before.filter((unit) => !this.#inForce.includes(unit));
    for (const unit of gone) this.#leaving.add(unit);
    await Promise.allSettled(commits.map(({ done }) => done));
    for (const unit of gone) this.#leaving.delete(unit);
  }

  /** See Unit. */
  threadDied(thread: number): void {
    for (const unit of [...this.#inForce, ...this.#leaving]) unit.threadDied(thread);
  }

  /** See Unit. */
  threadStalls(thread: number): void {
    for (const unit of this.#inForce) unit.threadStalls(thread);
  }
}
