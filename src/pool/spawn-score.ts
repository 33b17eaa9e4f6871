// How much starting a program has cost lately, and when it may be started again: mod_fcgid's arithmetic, mod_fastcgi's rest. Pure but for its own numbers.

/** mod_fastcgi's minServerLife: a process that lived so long has shown that its program works. */
export const minServerLifeMs = 30_000;
/** Starts in a row that failed, after which the program is taken for faulty (mod_fastcgi: more than 3). */
const failuresBeforeRest = 3;
/** mod_fastcgi rests for 600 s; half a minute more or less of 503 after a repair is what an operator accepts. */
const firstRestMs = 5_000;
const longestRestMs = 60_000;

/**
 * Why a process ended, for the score:
 * - `planned`: we ended it, or it left with status 0 after it had served;
 * - `killed`: it ended by itself, after it had served or lived long;
 * - `failed`: it ended, or could not be started, before it had shown that it works.
 */
export type EndKind = 'planned' | 'killed' | 'failed';

/** What of `terminationScore` an end costs. */
const endWeights: Readonly<Record<EndKind, number>> = { planned: 0, killed: 0.5, failed: 1 };

/** The limits that the score needs: mod_fcgid's. */
export interface ScoreLimits {
  /** FcgidSpawnScore. */
  readonly spawnScore: number;
  /** FcgidTerminationScore. */
  readonly terminationScore: number;
  /** FcgidTimeScore: what each second takes off. */
  readonly timeScore: number;
  /** FcgidSpawnScoreUpLimit: at this score nothing is started. */
  readonly spawnScoreUpLimit: number;
}

/**
 * 1. Each start adds `spawnScore`; each end adds `terminationScore` by the weight of its kind; each second takes off `timeScore`.
 * 2. At or above `spawnScoreUpLimit` nothing is started.
 * 3. A planned end gives back what its start added: recycling is no fault, however often it happens.
 * 4. Ends of processes that had worked never hold back more than the next start for a moment: after all
 *    were killed at once the next request is answered.
 * 5. After three failed starts without one that worked, the program rests, twice as long each time, and is tried once after each rest.
 */
export class SpawnScore {
  readonly #limits: ScoreLimits;
  #score = 0;
  #atMs = 0;
  #failuresInRow = 0;
  #restUntilMs = 0;
  #restMs = 0;
  #starts = 0;
  #ends = 0;
  #episodeBeganMs = 0;
  #lastEnd = '';

  constructor(limits: ScoreLimits) {
    this.#limits = limits;
  }

  started(nowMs: number): void {
    this.#decay(nowMs);
    this.#starts += 1;
    const { spawnScore, spawnScoreUpLimit } = this.#limits;
    // Starts alone, of which the first are free, hold back no more than the next one.
    this.#score = Math.max(this.#score, Math.min(this.#score + spawnScore, spawnScoreUpLimit + spawnScore));
  }

  /** @param how the end in words: "exit 255", "SIGSEGV" */
  ended(kind: EndKind, how: string, nowMs: number): void {
    this.#decay(nowMs);
    if (kind === 'planned') {
      this.#score = Math.max(0, this.#score - this.#limits.spawnScore);
      return;
    }
    this.#ends += 1;
    this.#lastEnd = how;
    const raised = this.#score + this.#limits.terminationScore * endWeights[kind];
    const bearable = this.#limits.spawnScoreUpLimit - this.#limits.spawnScore;
    this.#score = kind === 'killed' ? Math.min(raised, Math.max(this.#score, bearable)) : raised;
    if (kind === 'failed') this.#failed(nowMs);
  }

  /** A process has served a request, or lived for `minServerLifeMs`: its program is not faulty. */
  worked(): void {
    this.#failuresInRow = 0;
    this.#restMs = 0;
    this.#restUntilMs = 0;
  }

  /** Whether the program is taken for faulty and left alone for now. */
  isResting(nowMs: number): boolean {
    return nowMs < this.#restUntilMs;
  }

  /** Whether the last start failed: then one is tried at a time. */
  get isDoubted(): boolean {
    return this.#failuresInRow > 0;
  }

  /** Whether a process has ended badly lately. */
  get hasBadEnds(): boolean {
    return this.#ends > 0;
  }

  value(nowMs: number): number {
    return Math.max(0, this.#score - ((nowMs - this.#atMs) / 1000) * this.#limits.timeScore);
  }

  /** How many may be started now. */
  budget(nowMs: number): number {
    if (this.isResting(nowMs)) return 0;
    const { spawnScore, spawnScoreUpLimit } = this.#limits;
    const room = spawnScoreUpLimit - this.value(nowMs);
    if (room <= 0) return 0;
    return spawnScore > 0 ? Math.ceil(room / spawnScore) : Number.POSITIVE_INFINITY;
  }

  /** When one may be started: now, or a later time; Infinity where nothing takes the score off again. */
  allowedAtMs(nowMs: number): number {
    const { timeScore, spawnScoreUpLimit } = this.#limits;
    const excess = this.value(nowMs) - spawnScoreUpLimit;
    // A score at the limit still refuses: a millisecond more.
    const heldMs = excess < 0 ? 0 : timeScore > 0 ? (excess / timeScore) * 1000 + 1 : Number.POSITIVE_INFINITY;
    return Math.max(nowMs + heldMs, this.#restUntilMs);
  }

  /** "ready", or "next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)". */
  describe(nowMs: number): string {
    const waitMs = this.allowedAtMs(nowMs) - nowMs;
    return waitMs <= 0 ? 'ready' : `next spawn allowed in ${seconds(waitMs)} s: ${this.reason(nowMs)}`;
  }

  /** What raised the score: "4 crashes in 3 s (exit 255)", or "10 starts in 1 s". */
  reason(nowMs: number): string {
    const overMs = nowMs - this.#episodeBeganMs;
    return this.#ends > 0
      ? `${count(this.#ends, 'crash', 'crashes')} in ${seconds(overMs)} s (${this.#lastEnd})`
      : `${count(this.#starts, 'start', 'starts')} in ${seconds(overMs)} s`;
  }

  #failed(nowMs: number): void {
    this.#failuresInRow += 1;
    if (this.#failuresInRow < failuresBeforeRest) return;
    this.#restMs = Math.min(longestRestMs, this.#restMs === 0 ? firstRestMs : this.#restMs * 2);
    this.#restUntilMs = nowMs + this.#restMs;
  }

  #decay(nowMs: number): void {
    this.#score = this.value(nowMs);
    this.#atMs = nowMs;
    if (this.#score > 0 || this.#failuresInRow > 0) return;
    this.#starts = 0;
    this.#ends = 0;
    this.#episodeBeganMs = nowMs;
  }
}

const seconds = (ms: number): string => (ms >= 10_000 ? String(Math.round(ms / 1000)) : (ms / 1000).toFixed(1));
const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;
