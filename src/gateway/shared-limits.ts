// What clients have asked for, by the rules that limit it, in memory that front threads share: rates in one table, running requests in one for each thread.
//
//   rates: one word of 64 bits a client and rule:  | tag of the key, 18 bits | when it has used up all that it asked for, in us modulo 2^46 |
//   running requests, of each thread: slots with the key as a hash of 32 bits and a count, i32 each
//
// A word whose time is over says what no word says, and is free. One client in 2^18 that share a place is taken for another.

/** What the threads of a service share of it. */
export interface LimitsMemory {
  readonly rates: SharedArrayBuffer;
  /** Of each thread: it alone writes. */
  readonly running: readonly SharedArrayBuffer[];
}

/** Powers of two. */
const rateWords = 65_536;
const slotCount = 8_192;
const windowWords = 8;
const timeBits = 46n;
const timeRange = 2 ** 46;
/** How often a place is tried to be had, where others try at the same moment. */
const mostTries = 16;

/** Memory for the rates of all clients. The system gives pages of it only where something is written. */
export const newRatesMemory = (): SharedArrayBuffer => new SharedArrayBuffer(rateWords * 8);
/** For what one thread runs. */
export const newRunningMemory = (): SharedArrayBuffer => new SharedArrayBuffer(slotCount * 2 * 4);

/** A thread is no more, and runs nothing. */
export function clearRunning(memory: SharedArrayBuffer): void {
  new Int32Array(memory).fill(0);
}

export class SharedLimits {
  readonly #rates: BigUint64Array;
  readonly #own: Int32Array;
  readonly #all: readonly Int32Array[];

  /** @param own which thread's running requests are counted here */
  constructor({ rates, running }: LimitsMemory, own: number) {
    this.#rates = new BigUint64Array(rates);
    this.#all = running.map((memory) => new Int32Array(memory));
    this.#own = this.#all[own]!;
  }

  /** A request of a client. @param intervalMs between two that it may make @returns 0: it may go on; else after how many milliseconds it might */
  ask(key: string, intervalMs: number, burst: number, nowMs: number): number {
    const [place, tag] = [hashOf(key, 0x811c9dc5), BigInt(hashOf(key, 0x9747b28c) >>> 14)];
    const nowUs = Math.round(nowMs * 1_000) % timeRange;
    for (;;) {
      const { at, word, aheadUs } = this.#find(place, tag, nowUs);
      const tooMuchMs = aheadUs / 1_000 - burst * intervalMs;
      if (tooMuchMs > 0) return tooMuchMs;
      const usedUpUs = (nowUs + aheadUs + Math.max(1, Math.round(intervalMs * 1_000))) % timeRange;
      const next = (tag << timeBits) | BigInt(usedUpUs);
      if (Atomics.compareExchange(this.#rates, at, word, next) === word) return 0;
    }
  }

  /** A request of a client begins, unless so many run. A window that is full of others counts nothing: that client is not limited. */
  begin(key: string, most: number): boolean {
    const hash = hashOf(key, 0x811c9dc5);
    // Counted first: of two that come at once for the last place, one sees that it is one too many.
    for (let tries = 0; tries < mostTries && this.#running(hash) < most; tries += 1) {
      this.#count(hash, 1);
      if (this.#running(hash) <= most) return true;
      this.#count(hash, -1);
    }
    return false;
  }

  end(key: string): void {
    this.#count(hashOf(key, 0x811c9dc5), -1);
  }

  /** The word of a client, or the one that it may have: one whose time is over, or else is over first. */
  #find(place: number, tag: bigint, nowUs: number): { at: number; word: bigint; aheadUs: number } {
    let best = { at: -1, word: 0n, leftUs: Number.POSITIVE_INFINITY };
    for (let step = 0; step < windowWords; step += 1) {
      const at = (place + step) & (rateWords - 1);
      const word = Atomics.load(this.#rates, at);
      // No word at all would be a time that lies ahead, where the machine has been up for a year.
      const leftUs = word === 0n ? 0 : leftOf(Number(word & (BigInt(timeRange) - 1n)), nowUs);
      if (leftUs > 0 && word >> timeBits === tag) return { at, word, aheadUs: leftUs };
      if (leftUs < best.leftUs) best = { at, word, leftUs };
    }
    return { at: best.at, word: best.word, aheadUs: 0 };
  }

  #running(hash: number): number {
    return this.#all.reduce((sum, counts) => {
      const at = slotOf(counts, hash);
      return at < 0 ? sum : sum + Atomics.load(counts, at + 1);
    }, 0);
  }

  #count(hash: number, by: number): void {
    let at = slotOf(this.#own, hash);
    if (at < 0 && by > 0) at = freeSlot(this.#own, hash);
    if (at < 0) return;
    Atomics.store(this.#own, at, hash);
    Atomics.add(this.#own, at + 1, by);
  }
}

/** How long it is until then; 0: it is over. Half the range lies ahead, some 400 days. */
function leftOf(thenUs: number, nowUs: number): number {
  const leftUs = (thenUs - nowUs + timeRange) % timeRange;
  return leftUs < timeRange / 2 ? leftUs : 0;
}

/** Where a key with requests is counted; -1: it has none. */
function slotOf(counts: Int32Array, hash: number): number {
  for (let step = 0; step < windowWords; step += 1) {
    const at = ((hash + step) & (slotCount - 1)) * 2;
    if (Atomics.load(counts, at) === hash && Atomics.load(counts, at + 1) > 0) return at;
  }
  return -1;
}

function freeSlot(counts: Int32Array, hash: number): number {
  for (let step = 0; step < windowWords; step += 1) {
    const at = ((hash + step) & (slotCount - 1)) * 2;
    if (Atomics.load(counts, at + 1) === 0) return at;
  }
  return -1;
}

/** FNV-1a, as a signed number of 32 bits. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
