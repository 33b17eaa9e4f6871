// Whole numbers in memory that threads share, and the bells by which one thread asks another to look at them.

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

/** One cell a line of the cache: threads that count on their own do not slow each other down. */
export const cellsPerLine = 16;

/**
 * A bell says "look", and nothing else: what there is to see stands on the scoreboard. So it does not matter how often it rings, and one that
 * is lost with its thread is lost with nothing in it.
 */
export interface Bells {
  /** Has a thread look soon. */
  ring(index: number): void;
  /** From now on `heard` is called whenever one's own bell has been rung. */
  listen(index: number, heard: () => void): void;
  /** Repeatable. */
  close(): void;
}

/** Makes bells of shared memory. */
export type BellsMaker = (buffer: SharedArrayBuffer) => Bells;

export class SharedBells implements Bells {
  readonly #cells: Int32Array;
  #index = 0;
  #heard: (() => void) | null = null;
  #count = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  ring(index: number): void {
    const at = index * cellsPerLine;
    Atomics.add(this.#cells, at, 1);
    Atomics.notify(this.#cells, at);
  }

  listen(index: number, heard: () => void): void {
    this.#index = index;
    this.#heard = heard;
    this.#count = Atomics.load(this.#cells, index * cellsPerLine);
    this.#wait();
  }

  close(): void {
    if (this.#heard === null) return;
    this.#heard = null;
    // Whoever waits for a bell is kept by the system until it rings.
    this.ring(this.#index);
  }

  #wait(): void {
    if (this.#heard === null) return;
    const { async: isWaiting, value } = Atomics.waitAsync(this.#cells, this.#index * cellsPerLine, this.#count);
    if (isWaiting) void value.then(() => this.#hear());
    else setImmediate(() => this.#hear());
  }

  #hear(): void {
    this.#count = Atomics.load(this.#cells, this.#index * cellsPerLine);
    try {
      this.#heard?.();
    } finally {
      this.#wait();
    }
  }
}
