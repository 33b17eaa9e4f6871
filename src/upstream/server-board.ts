// What is known of the servers of a pool, in memory that its threads share: whether they take connections, which of them rest, and whose turn it is.
//
//   | a request was left unread on a kept connection, i32 |   then of each server: | health, credit, i32 each | fails, failedAtMs, restsUntilMs, knownAtMs, f64 each |
//
// Whoever learns something writes it. Two that write at once have learnt it at the same moment, and either is right; who changes a state tells of it.

/** A server as it was seen last. */
export type ServerHealth = 'unknown' | 'up' | 'down';

const healths = ['unknown', 'up', 'down'] as const satisfies readonly ServerHealth[];
const serverBytes = 64;

export class ServerRecord {
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer, index: number) {
    const from = (1 + index) * serverBytes;
    this.#words = new Int32Array(memory, from, 2);
    this.#numbers = new Float64Array(memory, from + 8, 4);
  }

  get health(): ServerHealth {
    return healths[Atomics.load(this.#words, 0)]!;
  }

  /** @returns whether it was this that changed it: another thread may have learnt the same */
  move(from: ServerHealth, to: ServerHealth): boolean {
    const [before, after] = [healths.indexOf(from), healths.indexOf(to)];
    return Atomics.compareExchange(this.#words, 0, before, after) === before;
  }

  /** What the smooth round robin has saved up for it, in all threads. @returns what there is after so much more */
  addCredit(more: number): number {
    return Atomics.add(this.#words, 1, more) + more;
  }

  get fails(): number {
    return this.#numbers[0]!;
  }

  set fails(count: number) {
    this.#numbers[0] = count;
  }

  get failedAtMs(): number {
    return this.#numbers[1]!;
  }

  set failedAtMs(atMs: number) {
    this.#numbers[1] = atMs;
  }

  get restsUntilMs(): number {
    return this.#numbers[2]!;
  }

  set restsUntilMs(untilMs: number) {
    this.#numbers[2] = untilMs;
  }

  /** When it was last known how it is. */
  get knownAtMs(): number {
    return this.#numbers[3]!;
  }

  set knownAtMs(atMs: number) {
    this.#numbers[3] = atMs;
  }
}

export class ServerBoard {
  readonly #memory: SharedArrayBuffer;
  readonly #silence: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#silence = new Int32Array(memory, 0, 1);
  }

  record(index: number): ServerRecord {
    return new ServerRecord(this.#memory, index);
  }

  /** Whether a request was left unread on a kept connection: then none is kept any more. */
  get hasSilence(): boolean {
    return Atomics.load(this.#silence, 0) === 1;
  }

  /** One was. @returns whether nobody had known of any */
  noteSilence(): boolean {
    return Atomics.exchange(this.#silence, 0, 1) === 0;
  }
}

/** Memory for so many servers. */
export function newServerMemory(servers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + servers) * serverBytes);
}
