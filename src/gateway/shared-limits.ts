// What clients have asked for, by the rules that limit it, in memory that front threads share: rates in one table, running requests in one for each thread.
//
//   rates: one word of 64 bits a client and rule:  | tag of the key, 18 bits | when it has used up all that it asked for, in us modulo 2^46 |
//   running requests, of each thread: see `key-counts.ts`
//
// A word whose time is over says what no word says, and is free. One client in 2^18 that share a place is taken for another.

import { hashOf } from '../protocol/text.ts';
import { KeyCounts, keyCountsBytes } from './key-counts.ts';

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

/** Memory for the rates of all clients. The system gives pages of it only where something is written. */
export const newRatesMemory = (): SharedArrayBuffer => new SharedArrayBuffer(rateWords * 8);
/** For what one thread runs. */
export const newRunningMemory = (): SharedArrayBuffer => new SharedArrayBuffer(keyCountsBytes(slotCount));

/** A thread is no more, and runs nothing. */
export function clearRunning(memory: SharedArrayBuffer): void {
  new Int32Array(memory).fill(0);
}

export class SharedLimits {
  readonly #rates: BigUint64Array;
  readonly #running: KeyCounts;

  /** @param own which thread's running requests are counted here */
  constructor({ rates, running }: LimitsMemory, own: number) {
    this.#rates = new BigUint64Array(rates);
    const counts = running.map((memory) => new Int32Array(memory));
    this.#running = new KeyCounts(counts, own, windowWords);
  }

  /** A request of a client. @param intervalMs between two that it may make @returns 0: it may go on; else after how many milliseconds it might */
  ask(key: string, intervalMs: number, burst: number, nowMs: number): number {
    const [place, tag] = [hashOf(key), BigInt(hashOf(key, 0x9747b28c) >>> 14)];
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
    return this.#running.add(key, most);
  }

  end(key: string): void {
    this.#running.remove(key);
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
}

/** How long it is until then; 0: it is over. Half the range lies ahead, some 400 days. */
function leftOf(thenUs: number, nowUs: number): number {
  const leftUs = (thenUs - nowUs + timeRange) % timeRange;
  return leftUs < timeRange / 2 ? leftUs : 0;
}
