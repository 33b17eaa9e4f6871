// Why a queue gives a request no seat, in words: what happened, with its values, and what to do; and how the log is told of it.

import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Attempt } from './attempt.ts';
import type { QueueLimits, QueuePhase } from './queue-limits.ts';
import type { SeatProvider } from './seat.ts';

type Words = SeatProvider['words'];
type Provider = Pick<SeatProvider, 'words' | 'starting'>;

/** @param busy seats with a request */
export function fullError(provider: Provider, limits: QueueLimits, waiting: number, busy: number): PosternError {
  const { queue, queueTimeoutMs } = limits;
  const { used, mend } = wordsOn(provider, limits, busy);
  const message =
    queue === 0 || queueTimeoutMs === 0
      ? `no ${provider.words.seat} is free (${used}) and none may wait: ${mend}, or queue and queueTimeout`
      : `${waiting} requests wait already (${used}): ${mend} or queue`;
  return new PosternError('QUEUE_FULL', message, { fields: { retryAfterS: 1 }, isTold: true });
}

export function tooLateError(provider: Provider, limits: QueueLimits, waitedMs: number, busy: number): PosternError {
  const { used, mend } = wordsOn(provider, limits, busy);
  const message = `no ${provider.words.seat} became free within ${Math.round(waitedMs)} ms (${used}): ${mend} or queueTimeout`;
  return new PosternError('QUEUE_TIMEOUT', message, { fields: { retryAfterS: 1 }, isTold: true });
}

/** How many seats are in use, and what makes more: of those that start slowly there are enough, if only they had been started before. */
function wordsOn(
  { words, starting = 0 }: Provider,
  { seats }: QueueLimits,
  busy: number,
): { used: string; mend: string } {
  const isStart = starting > 0 && busy < seats;
  const used = `${Number.isFinite(seats) ? `${busy} of ${seats} busy` : `${busy} busy`}${isStart ? `, ${starting} starting` : ''}`;
  return { used, mend: `raise ${isStart ? 'minWorkers' : words.limit}` };
}

/** It takes no requests: it closes, or an operator has it take none for a while. */
export function closedError(name: string, phase: QueuePhase): PosternError {
  if (phase !== 'drained') return new PosternError('POOL_CLOSING', `pool ${name} is closing`, { isTold: true });
  return new PosternError('POOL_DRAINED', `pool ${name} is drained by an operator: resume it on the dashboard`, {
    fields: { retryAfterS: 10 },
    isTold: true,
  });
}

export function endedError(ranMs: number): PosternError {
  return new PosternError('REQUEST_ENDED', `an operator ended it after ${Math.round(ranMs)} ms`, { isTold: true });
}

/** @param key of the limit that was hit: "requestTimeout", "readTimeout" */
export function limitError(key: 'requestTimeout' | 'readTimeout', limitMs: number, ranMs: number): PosternError {
  const message =
    key === 'requestTimeout'
      ? `no complete answer within ${limitMs} ms: raise requestTimeout, or mend the program`
      : `not a byte came for ${limitMs} ms, after ${ranMs} ms in all: raise readTimeout, or mend the program`;
  return new PosternError('ANSWER_TIMEOUT', message, { isTold: true });
}

/** One line of the log in this time at most. */
const periodMs = 10_000;

/**
 * Tells the log that requests are refused, and which limit to raise: not for each, that would only add to the load. The first is told at
 * once, and those of the time after it in one line at its end.
 */
export class RefusalLog {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #untold = 0;
  /** The last that is not told yet. */
  #last: PosternError | null = null;
  /** Runs until more may be told. */
  #period: Timer | null = null;

  constructor(name: string, clock: Clock, log: Log) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
  }

  /** A request was refused. */
  note(error: PosternError): void {
    this.#untold += 1;
    this.#last = error;
    if (this.#period === null) this.#tell();
  }

  #tell(): void {
    this.#period = null;
    if (this.#last === null) return;
    const { code, message } = this.#last;
    const requests = this.#untold === 1 ? 'a request' : `${this.#untold} requests`;
    const fields = { pool: this.#name, code, refused: this.#untold };
    this.#log.warn(fields, `pool ${this.#name} refused ${requests}: ${message}`);
    this.#untold = 0;
    this.#last = null;
    this.#period = this.#clock.after(periodMs, () => this.#tell());
  }
}

/** Tells the log of a request that is taken from its seat. @param why the limit that was hit, or the end of the pool */
export function tellTaken(log: Log, pool: string, words: Words, attempt: Attempt, why: string, nowMs: number): void {
  const { pid } = attempt;
  const { method, url } = attempt.request;
  const durationMs = Math.round(attempt.ranMs(nowMs));
  const signal = pid > 0 ? (words.signal ?? 'SIGKILL') : undefined;
  const what = pid > 0 ? `process ${pid} is killed with ${signal}` : (words.taken ?? `the ${words.seat} is closed`);
  log.warn(
    { pool, pid, signal, method, url, durationMs },
    `${what} while it runs ${method} ${url}, after ${durationMs} ms (${why})`,
  );
}
