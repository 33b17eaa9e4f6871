// Memory that threads share, as the protocol of leases reads and changes it.

/**
 * Cells of 32 bits that any thread may read and change at any moment. All that the protocol of leases shares goes through these three, so
 * that a test can let threads change places at each of them.
 */
export interface Cells {
  load(at: number): number;
  store(at: number, value: number): void;
  /** Changes a cell from one value to another. @returns false when it had a third, and is as it was */
  swap(at: number, from: number, to: number): boolean;
}

/** Makes cells of shared memory. */
export type CellsMaker = (buffer: SharedArrayBuffer) => Cells;

class AtomicCells implements Cells {
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  load(at: number): number {
    return Atomics.load(this.#cells, at);
  }

  store(at: number, value: number): void {
    Atomics.store(this.#cells, at, value);
  }

  swap(at: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#cells, at, from, to) === from;
  }
}

export const atomicCells: CellsMaker = (buffer) => new AtomicCells(buffer);
