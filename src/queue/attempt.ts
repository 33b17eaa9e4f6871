// One request on its way through the queue: it waits, runs on a seat, and where that does no harm on another.

import { type ErrorCode, PosternError, toPosternError } from '../errors.ts';
import type { CgiHead, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import type { FailedAttempt } from './retry.ts';
import type { ProcessEnd, Seat, SeatOutcome, SeatSeeker, SeatUser } from './seat.ts';
import type { SlowRecord } from './slow-record.ts';

/**
 * `new`: nothing was decided; `waiting`: for a seat; `running`: on one; `leaving`: the client has left, and the program is not done with it;
 * `over`: the client was told its end, or has left, and no seat is held.
 */
export type AttemptState = 'new' | 'waiting' | 'running' | 'leaving' | 'over';

const moves: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  new: ['waiting', 'running', 'over'],
  waiting: ['running', 'over'],
  running: ['waiting', 'leaving', 'over'],
  leaving: ['over'],
  over: [],
};

/** Who an attempt belongs to: its queue. */
export interface AttemptOwner {
  /** Whether it may run again after it failed so. */
  mayRetry(attempt: Attempt, code: ErrorCode): boolean;
  /** Its seat has ended with it. @param isAgain whether it wants another */
  released(attempt: Attempt, seat: Seat, outcome: SeatOutcome, isAgain: boolean): void;
  /** It waits no more: its client has left. */
  cancelled(attempt: Attempt): void;
}

/** Why a request is taken from its seat: a limit was reached, or its client has left and the program streams to nobody. */
export type TimeLimit = 'requestTimeout' | 'readTimeout' | 'abandoned';

/** Time limits of one request, in milliseconds; 0: none. */
interface TimeLimits {
  readonly requestTimeoutMs: number;
  readonly readTimeoutMs: number;
}

/**
 * When the client leaves:
 * 1. A request that waits is forgotten.
 * 2. One that runs keeps its seat until the program is done with it: PHP reads no ABORT_REQUEST, and a process at work could serve nobody.
 *    What still comes is thrown away.
 * 3. A program that goes on writing for a second is cut off: one that streams for ever would hold its seat until the request's limit.
 */
export class Attempt implements SeatUser, SeatSeeker, Exchange {
  /** Kept by the list that it stands in, for its use alone. */
  next: Attempt | null = null;
  previous: Attempt | null = null;
  list: unknown = null;
  readonly request: CgiRequest;
  memo: unknown = null;
  attempts = 0;
  waitedMs = 0;
  /** When it began to wait, and until when it may; when it had its first seat. */
  waitingSinceMs = 0;
  waitUntilMs = 0;
  beganAtMs = 0;
  /** How the process ended that had it last; null: it did not, or that is not known. */
  processEnd: ProcessEnd | null = null;
  /** What was noted of it when it was found slow; null: it was not. */
  slow: SlowRecord | null = null;
  /** The end of what its program wrote on STDERR; a byte string. */
  lastWords = '';
  /** Whether its answer has begun. */
  hasHead = false;
  /** How long its program was silent before that, as ticks saw it; 0: less than one. */
  silentMs = 0;
  readonly #owner: AttemptOwner;
  #state: AttemptState = 'new';
  /** null once it was told the end, or wants to hear no more. */
  #sink: CgiSink | null;
  #seat: Seat | null = null;
  #pid = 0;
  /** How often a program may have begun it. */
  #begun = 0;
  #isAgain = false;
  #requestTimeoutMs = 0;
  #readTimeoutMs = 0;
  /** Whether we hold the program back, and for how long we have. */
  #isHeld = false;
  #heldMs = 0;
  /** Whether the program has said something since the last tick, and when it was seen to. */
  #hasSpoken = false;
  #spokeAtMs = 0;
  #sentAnewAtMs = 0;
  /** When the tick first saw that the client has left. */
  #leftAtMs = 0;

  constructor(owner: AttemptOwner, request: CgiRequest, sink: CgiSink) {
    this.#owner = owner;
    this.request = request;
    this.#sink = sink;
  }

  get state(): AttemptState {
    return this.#state;
  }

  /** Whether the client was told the end, or has left. */
  get isOver(): boolean {
    return this.#sink === null;
  }

  get seat(): Seat | null {
    return this.#seat;
  }

  /** The process that has it, or had it last; 0: none is known. */
  get pid(): number {
    return this.#seat?.pid || this.#pid;
  }

  /** It waits for a seat. */
  wait(nowMs: number, timeoutMs: number): void {
    if (this.#state !== 'waiting') this.#move('waiting');
    this.waitingSinceMs = nowMs;
    this.waitUntilMs = nowMs + timeoutMs;
  }

  /** Runs on a seat. The sink is not called before this returns, unless the request is refused by the seat. */
  start(seat: Seat, nowMs: number, limits: TimeLimits): void {
    if (this.#state === 'waiting') this.waitedMs += nowMs - this.waitingSinceMs;
    this.#move('running');
    if (this.attempts === 0) {
      this.beganAtMs = nowMs;
      // They are its own from now on: a reload changes those of requests that come.
      const { requestTimeoutMs = limits.requestTimeoutMs, readTimeoutMs = limits.readTimeoutMs } = this.request;
      this.#requestTimeoutMs = requestTimeoutMs;
      this.#readTimeoutMs = readTimeoutMs;
    }
    this.attempts += 1;
    this.#seat = seat;
    this.#spokeAtMs = nowMs;
    this.#hasSpoken = false;
    this.silentMs = 0;
    this.processEnd = null;
    try {
      seat.run(this.request, this);
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.tell(error);
      this.released({ code: error.code, isDone: true, isAborted: false });
    }
  }

  /** It is not run, or not again. @param waitedMs how long it has waited for that */
  refuse(error: PosternError, waitedMs: number): void {
    this.waitedMs += waitedMs;
    this.#move('over');
    this.tell(error);
  }

  /** Takes its seat from it, since its time is over; what becomes of it then is said by `wait` or `refuse`. */
  takeSeat(): Seat {
    const seat = this.#seat!;
    this.#pid = seat.pid;
    this.#seat = null;
    this.#isHeld = false;
    return seat;
  }

  /** What the retry rule asks about its failure on the present seat. To be asked once for each. */
  failedWith(code: ErrorCode, hasOther: boolean): FailedAttempt {
    const { body, data, idempotent } = this.request;
    const { progress } = this.#seat!;
    if (progress !== 'unsent') this.#begun += 1;
    return {
      code,
      progress,
      end: this.processEnd,
      isIdempotent: idempotent,
      isReplayable: (body === null || body.replayable) && (data === null || data.replayable),
      hasOther,
      attempts: this.attempts,
      begun: this.#begun,
    };
  }

  /** Its end: the client is told no more after this. */
  over(): void {
    this.#move('over');
    this.#sink = null;
  }

  /** The limit that it has reached; null: none. To be called about every `periodMs` while it runs. */
  tick(nowMs: number, periodMs: number): TimeLimit | null {
    const seat = this.#seat!;
    if (this.#isHeld || seat.awaitsBody) {
      this.#heldMs += periodMs;
      this.#hasSpoken = true;
    }
    if (this.#hasSpoken) this.#spokeAtMs = nowMs;
    this.#hasSpoken = false;
    if (this.#state === 'leaving') {
      if (this.#leftAtMs === 0) this.#leftAtMs = nowMs;
      if (nowMs - this.#leftAtMs >= cutOffMs && seat.discardedBytes > 0) return 'abandoned';
    }
    const requestTimeoutMs = this.#requestTimeoutMs;
    const readTimeoutMs = this.#readTimeoutMs;
    if (requestTimeoutMs > 0 && this.ranMs(nowMs) >= requestTimeoutMs) return 'requestTimeout';
    return readTimeoutMs > 0 && nowMs - this.#spokeAtMs >= readTimeoutMs ? 'readTimeout' : null;
  }

  /**
   * See Seat. What was read by nobody has as much time left on a new connection: half of its shortest limit.
   * @param usualMs so long others were silent, and were answered: one that takes no more than twice that is at work
   */
  lookForSilence(nowMs: number, usualMs: number): void {
    if (this.hasHead) return;
    const shortestMs = Math.min(this.#requestTimeoutMs || noLimitMs, this.#readTimeoutMs || noLimitMs);
    const afterMs = Math.max(Math.min(longestSilenceMs, shortestMs / 2), 2 * usualMs);
    this.silentMs = nowMs - Math.max(this.#spokeAtMs, this.#sentAnewAtMs);
    if (this.#seat?.lookForSilence?.(nowMs, afterMs)) this.#sentAnewAtMs = nowMs;
  }

  /** A time limit of it, in milliseconds. */
  limitMs(limit: 'requestTimeout' | 'readTimeout'): number {
    return limit === 'requestTimeout' ? this.#requestTimeoutMs : this.#readTimeoutMs;
  }

  /** How long a client has held the program back. */
  get heldMs(): number {
    return this.#heldMs;
  }

  /** How long it has run, without the time in which we held the program back. */
  ranMs(nowMs: number): number {
    return this.attempts === 0 ? 0 : nowMs - this.beganAtMs - this.#heldMs;
  }

  /** See Exchange. */
  resume(): void {
    this.#isHeld = false;
    this.#seat?.resume();
  }

  /** See Exchange. */
  abort(): void {
    if (this.#sink === null) return;
    this.#sink = null;
    if (this.#seat === null) {
      if (this.#state === 'waiting') this.#owner.cancelled(this);
      return;
    }
    this.#move('leaving');
    this.#isHeld = false;
    this.#isAgain = false;
    this.#seat.abort();
  }

  head(head: CgiHead): void {
    this.#hasSpoken = true;
    this.hasHead = true;
    try {
      this.#sink?.head(head);
    } catch (thrown) {
      this.#caught(thrown);
    }
  }

  write(chunk: Uint8Array): boolean {
    this.#hasSpoken = true;
    try {
      const takesMore = this.#sink?.write(chunk) ?? true;
      if (!takesMore) this.#isHeld = true;
      return takesMore;
    } catch (thrown) {
      this.#caught(thrown);
      return true;
    }
  }

  flush(): void {
    try {
      this.#sink?.flush();
    } catch (thrown) {
      this.#caught(thrown);
    }
  }

  stderr(chunk: Uint8Array): void {
    this.#hasSpoken = true;
    this.lastWords = (this.lastWords + Buffer.from(chunk.subarray(-lastWordBytes)).toString('latin1')).slice(
      -lastWordBytes,
    );
    try {
      this.#sink?.stderr(chunk);
    } catch (thrown) {
      this.#caught(thrown);
    }
  }

  end(): void {
    const sink = this.#sink;
    this.#sink = null;
    try {
      sink?.end();
    } catch (thrown) {
      sink?.fail(toPosternError(thrown));
    }
  }

  fail(error: PosternError): void {
    const seat = this.#seat;
    if (seat === null || this.#sink === null) return;
    this.processEnd = seat.processEnd;
    this.#isAgain = this.#owner.mayRetry(this, error.code);
    if (!this.#isAgain) this.tell(error);
  }

  released(outcome: SeatOutcome): void {
    const seat = this.#seat;
    if (seat === null) return;
    const isAgain = this.#isAgain;
    if (outcome.code !== null) this.processEnd ??= seat.processEnd;
    this.#isAgain = false;
    this.#isHeld = false;
    this.#pid = seat.pid;
    this.#seat = null;
    this.#owner.released(this, seat, outcome, isAgain);
  }

  /** The client is told of a failure, where it still listens. */
  tell(error: PosternError): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(error);
  }

  /** A fault of whoever takes the answer ends this request and nothing else: for its seat it is as if the client had left. */
  #caught(thrown: unknown): void {
    if (thrown instanceof PosternError) throw thrown;
    const sink = this.#sink;
    this.abort();
    sink?.fail(toPosternError(thrown));
  }

  #move(to: AttemptState): void {
    const from = this.#state;
    const isUsual = (from === 'new' && to === 'running') || (from === 'running' && to === 'over');
    if (!isUsual && !moves[from].includes(to)) throw new Error(`a request cannot go from ${from} to ${to}`);
    this.#state = to;
  }
}

/** What is kept of STDERR, for whoever looks at a slow request. */
const lastWordBytes = 1_024;

/**
 * A request on a connection that has served before may be read by nobody: a thread of libfcgi waits for its turn to accept, a process of
 * PHP-FPM still works for the request before. So long not a byte may come.
 */
const longestSilenceMs = 5_000;
const noLimitMs = Number.POSITIVE_INFINITY;

/** A program that still writes so long after its client has left is cut off: most notice that, and end the request. */
const cutOffMs = 1_000;
