// The requests of a pool that ran too long: what is known of each when it is found, and how it ended. The last hundred are kept.

import type { Clock } from '../clock.ts';
import type { ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { Attempt } from './attempt.ts';
import { type Counters, counter } from './queue-books.ts';
import type { LookAtProcess, ProcessLook, SlowRecord, SlowRequest } from './slow-record.ts';

/** What they are found with. */
export interface SlowRequestsOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly look?: LookAtProcess;
  readonly counters: Counters;
}

const mostKept = 100;
const mostWords = 5;
/** Lines of the log in one period; the others are only kept, and counted. */
const mostTold = 10;
const periodMs = 10_000;

export class SlowRequests {
  readonly #options: SlowRequestsOptions;
  /** Oldest first. */
  readonly #kept: SlowRecord[] = [];
  #count = 0;
  #periodBeganMs = Number.NEGATIVE_INFINITY;
  #told = 0;

  constructor(options: SlowRequestsOptions) {
    this.#options = options;
  }

  /** Newest first. */
  snapshot(): SlowRequest[] {
    return this.#kept.map((one) => ({ ...one })).reverse();
  }

  /** One that runs: whether it has become slow. To be told now and then. @param afterMs 0: none is */
  see(attempt: Attempt, afterMs: number): void {
    if (afterMs === 0 || attempt.slow !== null) return;
    const nowMs = this.#options.clock.now();
    if (attempt.ranMs(nowMs) >= afterMs) this.#note(attempt, nowMs);
  }

  /** A slow one has ended. */
  ended(slow: SlowRecord, ranMs: number, code: ErrorCode | null): void {
    slow.totalMs = ranMs;
    slow.error = code;
  }

  #note(attempt: Attempt, nowMs: number): void {
    const { name, clock, look, counters } = this.#options;
    const { request, pid, attempts, waitedMs, heldMs, hasHead, lastWords } = attempt;
    this.#count += 1;
    counters.add(counter.slow, 1);
    const record: SlowRecord = {
      number: this.#count,
      at: clock.wall(),
      pool: name,
      method: bytesToLog(request.method, 32),
      url: bytesToLog(request.url, 200),
      script: bytesToLog(request.environment.SCRIPT_FILENAME ?? '', 512),
      pid,
      attempts,
      waitedMs,
      ranMs: attempt.ranMs(nowMs),
      heldMs,
      hasAnswered: hasHead,
      process: pid > 0 ? (look?.(pid) ?? null) : null,
      lastWords: lastWords
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-mostWords)
        .map((line) => bytesToLog(line, 200)),
      totalMs: null,
      error: null,
    };
    attempt.slow = record;
    this.#kept.push(record);
    if (this.#kept.length > mostKept) this.#kept.shift();
    this.#tell(record, nowMs);
  }

  #tell(record: SlowRecord, nowMs: number): void {
    if (nowMs - this.#periodBeganMs >= periodMs) {
      this.#periodBeganMs = nowMs;
      this.#told = 0;
    }
    this.#told += 1;
    if (this.#told > mostTold) return;
    const { pool, method, url, pid, waitedMs, ranMs, hasAnswered, process, lastWords } = record;
    const where = pid > 0 ? ` in process ${pid}${process === null ? '' : ` (${wordsOf(process)})`}` : '';
    const rest = this.#told === mostTold ? '; more within ten seconds are kept, not logged' : '';
    this.#options.log.warn(
      {
        pool,
        method,
        url,
        pid,
        waitedMs: Math.round(waitedMs),
        ranMs: Math.round(ranMs),
        hasAnswered,
        process,
        lastWords,
      },
      `${method} ${url} runs for ${(ranMs / 1000).toFixed(1)} s${where}: longer than slowAfter${rest}`,
    );
  }
}

/** "S, waits in do_poll, 3 sockets and 2 files open, 40 ms of CPU" */
function wordsOf({ state, waitChannel, files, cpuMs }: ProcessLook): string {
  const open = Object.entries(files)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`);
  const waits = waitChannel === '' ? [] : [`waits in ${waitChannel}`];
  return [state, ...waits, ...(open.length === 0 ? [] : [`${open.join(', ')} open`]), `${cpuMs} ms of CPU`].join(', ');
}
