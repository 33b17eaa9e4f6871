// What the leader of the model of permits and its threads say to each other, and count together.

import type { PermitsShared } from '../../src/leases/permit-thread.ts';

/** With what a thread opens its part of a pool. */
export interface PermitOpening {
  readonly shared: Omit<PermitsShared, 'port'>;
  readonly tally: SharedArrayBuffer;
  readonly seed: number;
  readonly steps: number;
  readonly queue: number;
  readonly isKept: boolean;
}

/** An opening, or what went wrong. */
export interface PermitParcel {
  readonly begin?: PermitOpening;
  readonly error?: string;
}

/** Requests that run and connections that are open, of each thread, and how many there may be: no part of what is tested, so that turns do not change. */
export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory = new SharedArrayBuffer(64)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get most(): number {
    return this.#cells[0]!;
  }

  set most(count: number) {
    this.#cells[0] = count;
  }

  running(thread: number): number {
    return this.#cells[1 + thread * 2]!;
  }

  get allRunning(): number {
    return [1, 2, 3].reduce((sum, thread) => sum + this.running(thread), 0);
  }

  get allOpen(): number {
    return [1, 2, 3].reduce((sum, thread) => sum + this.#cells[2 + thread * 2]!, 0);
  }

  run(thread: number, by: number): void {
    this.#cells[1 + thread * 2]! += by;
  }

  open(thread: number, by: number): void {
    this.#cells[2 + thread * 2]! += by;
  }

  /** A thread is no more: its connections are closed, and its processes have ended. */
  forget(thread: number): void {
    this.#cells[1 + thread * 2] = 0;
    this.#cells[2 + thread * 2] = 0;
  }
}
