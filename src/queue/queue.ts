// The waiting room of a pool, of any kind: who gets a seat at once, who waits and for how long, who is refused, and who runs again.

import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { ErrorCode, PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Backend, CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import { Attempt, type AttemptOwner, type TimeLimit } from './attempt.ts';
import { CrashGuard, type CrashingKinds } from './crash-guard.ts';
import { type Counters, counter, type Durations, newBooks } from './queue-books.ts';
import { comingMs, type QueueLimits, type QueueOptions, type QueuePhase } from './queue-limits.ts';
import { Deadlines, ownRoom, RunningLine, WaitingLine } from './queue-lines.ts';
import { closedError, endedError, fullError, limitError, RefusalLog, tellTaken, tooLateError } from './refusals.ts';
import type { RequestNumbers } from './request-numbers.ts';
import { mayRetry } from './retry.ts';
import type { Seat, SeatOutcome, SeatProvider } from './seat.ts';
import { SlowRequests } from './slow-requests.ts';

export class Queue<Place extends Seat = Seat> implements Backend, AttemptOwner {
  readonly name: string;
  readonly counters: Counters;
  /** How long requests waited and ran that have ended. */
  readonly durations: Durations;
  /** What those that run are called, for whoever looks at them. */
  readonly numbers: RequestNumbers;
  readonly slow: SlowRequests;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #refusals: RefusalLog;
  readonly #crashing: CrashingKinds;
  readonly #guard: CrashGuard;
  readonly #waiting: WaitingLine;
  readonly #running: RunningLine;
  readonly #provider: SeatProvider<Place>;
  #limits: QueueLimits;
  #phase: QueuePhase = 'open';
  #isServing = false;
  readonly #deadlines: Deadlines;
  #deadline: Timer | null = null;
  #onServed: (() => void) | null = null;
  readonly #empty = Promise.withResolvers<void>();

  constructor(options: QueueOptions<Place>) {
    const { name, provider, limits, clock = systemClock, log = silentLog, room = ownRoom } = options;
    this.name = name;
    const { counters, durations, numbers, crashing } = options.books ?? newBooks();
    this.counters = counters;
    this.durations = durations;
    this.numbers = numbers;
    this.slow = new SlowRequests({ ...options, counters, clock, log });
    this.#provider = provider;
    this.#waiting = new WaitingLine(room, counters);
    this.#running = new RunningLine(room, counters);
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#refusals = new RefusalLog(name, clock, log);
    this.#crashing = crashing;
    this.#guard = new CrashGuard(clock, crashing);
    this.#deadlines = new Deadlines({
      clock,
      waiting: this.#waiting.list,
      running: this.#running.list,
      onLate: (attempt, nowMs) => this.#late(attempt, nowMs),
      onLimit: (attempt, limit, nowMs) => this.#expire(attempt, limit, nowMs),
      onRan: (attempt) => this.slow.see(attempt, this.#limits.slowAfterMs ?? 0),
      onTick: () => this.#tellServed(),
    });
  }

  get phase(): QueuePhase {
    return this.#phase;
  }

  /** Whether it takes requests, or may again. */
  get isTaking(): boolean {
    return this.#phase === 'open' || this.#phase === 'drained';
  }

  get limits(): QueueLimits {
    return this.#limits;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** When the first of those began to wait; null: none does. */
  get waitingSinceMs(): number | null {
    return this.#waiting.sinceMs;
  }

  /** How many have a seat. */
  get running(): number {
    return this.#running.length;
  }

  /** Those that have a seat, in the order in which they got it. */
  *attempts(): Iterable<Attempt> {
    for (let attempt = this.#running.first; attempt !== null; attempt = attempt.next) yield attempt;
  }

  /** From now on these limits hold. What runs is not touched; what waits may be served. */
  use(limits: QueueLimits): void {
    this.#limits = limits;
    this.serve();
  }

  /**
   * Gives a request a seat: at once, or when one is free.
   * 1. A queue that closes takes nothing.
   * 2. A kind of request that ended one process after another is answered at once for a while.
   * 3. A free seat is taken at once. Else it waits, unless too many do, or none may: then it is refused.
   * 4. The provider hears that more seats are wanted; it may refuse those that wait, where none can come soon.
   */
  run(request: CgiRequest, sink: CgiSink): Attempt {
    const attempt = new Attempt(this, request, sink);
    this.counters.add(counter.accepted, 1);
    if (this.#phase !== 'open') return this.#refuse(attempt, closedError(this.name, this.#phase));
    const crashing = this.#crashing.isEmpty ? null : this.#guard.refusal(request);
    if (crashing !== null) return this.#refuse(attempt, crashing);
    const place = this.#waiting.length === 0 ? this.#provider.take(attempt) : null;
    if (place !== null) {
      this.#start(attempt, place);
      return attempt;
    }
    const { seats, queue, queueTimeoutMs } = this.#limits;
    const waiting = this.#waiting.inAll;
    const isFull = !this.#wait(attempt, queueTimeoutMs, queueTimeoutMs === 0 ? 0 : queue);
    // One that is on its way from another thread is no waiting for want of seats.
    if (isFull && !this.#provider.isComing?.(this.#waiting.length)) {
      this.#refuse(attempt, fullError(this.#provider, this.#limits, waiting, this.#running.inAll));
      this.#provider.wanted(this.#waiting.length, 1);
      return attempt;
    }
    if (waiting === 0 && this.#running.inAll >= seats) this.counters.add(counter.limitReached, 1);
    if (isFull) this.#wait(attempt, Math.max(comingMs, queueTimeoutMs), 'coming');
    this.#provider.wanted(this.#waiting.length, 0);
    return attempt;
  }

  /** Gives the seats that are free to those who wait. To be called whenever a seat may have become free. */
  serve(): void {
    // A request may give its seat back before `start()` returns; the loop sees that seat, and the stack stays flat.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (let attempt = this.#waiting.first; attempt !== null; attempt = this.#waiting.first) {
        const place = this.#provider.take(attempt);
        if (place === null) break;
        this.#waiting.remove(attempt);
        this.#start(attempt, place);
      }
    } finally {
      this.#isServing = false;
    }
    this.#tellServed();
  }

  /** From now on it takes no requests, and finishes those it has; or takes them again. Means nothing to one that closes. */
  drain(isDrained: boolean): void {
    if (this.isTaking) this.#phase = isDrained ? 'drained' : 'open';
  }

  /** Ends a request that runs, and whatever runs it. @param number from `numbers` @returns false: it does not run any more */
  endRequest(number: number): boolean {
    const attempt = this.numbers.find(this.attempts(), number);
    if (attempt !== null) this.#expire(attempt, 'operator', this.#clock.now());
    return attempt !== null;
  }

  /** Answers all who wait: no seat can come soon. */
  refuseWaiting(error: PosternError): void {
    for (let attempt = this.#waiting.first; attempt !== null; attempt = this.#waiting.first) {
      this.#waiting.remove(attempt);
      this.#refuse(attempt, error);
    }
    this.#tellServed();
  }

  /**
   * Takes no more requests, serves those that wait, lets those that run finish; resolves when none is left. Repeatable.
   * @param deadlineMs after so long the rest is refused, and taken from its seats
   * @param onServed called once, when nobody waits any more
   */
  close(deadlineMs: number, onServed: (() => void) | null = null): Promise<void> {
    if (this.isTaking) {
      this.#phase = 'closing';
      this.#onServed = onServed;
      this.#deadline = this.#clock.after(deadlineMs, () =>
        this.#endAll(`it was still running ${deadlineMs} ms after the pool was closed`),
      );
      this.#tellServed();
    }
    return this.#empty.promise;
  }

  /** The same at once. Repeatable. */
  destroy(onServed: (() => void) | null = null): Promise<void> {
    if (this.isTaking) {
      this.#phase = 'closing';
      this.#onServed = onServed;
    }
    this.#endAll('the pool was ended');
    return this.#empty.promise;
  }

  /** See AttemptOwner. */
  mayRetry(attempt: Attempt, code: ErrorCode): boolean {
    return this.#mayWait() && mayRetry(attempt.failedWith(code, this.#provider.hasOther(attempt, code)));
  }

  /** See AttemptOwner. */
  released(attempt: Attempt, seat: Seat, outcome: SeatOutcome, isAgain: boolean): void {
    this.#running.remove(attempt);
    if (attempt.processEnd !== null || !this.#crashing.isEmpty) this.#guard.note(attempt, outcome);
    if (isAgain && this.#mayWait()) {
      this.#again(attempt, seat, outcome);
      return;
    }
    if (isAgain) attempt.tell(closedError(this.name, this.#phase));
    attempt.over();
    this.#count(attempt, outcome);
    this.#provider.giveBack(seat as Place, outcome, outcome.code === null ? 'answered' : 'failed');
    this.#afterSeat();
  }

  /** See AttemptOwner. */
  cancelled(attempt: Attempt): void {
    this.#waiting.remove(attempt);
    attempt.over();
    this.counters.add(counter.aborted, 1);
    this.#tellServed();
  }

  /** Whether a request that has failed may wait for another seat. */
  #mayWait(): boolean {
    return this.isTaking || this.#phase === 'closing';
  }

  #start(attempt: Attempt, place: Place): void {
    const nowMs = this.#clock.now();
    this.#deadlines.watch(nowMs);
    this.#running.add(attempt, this.#limits.seats);
    attempt.start(place, nowMs, this.#limits);
  }

  /** @param most so many may wait; `coming`: a seat is on its way; `again`: it stands before all others @returns false: there is no place */
  #wait(attempt: Attempt, timeoutMs: number, most: number | 'coming' | 'again'): boolean {
    const nowMs = this.#clock.now();
    attempt.wait(nowMs, timeoutMs);
    if (most === 'again') this.#waiting.addFirst(attempt);
    else if (most === 'coming') this.#waiting.addComing(attempt);
    else if (!this.#waiting.enter(attempt, most)) return false;
    this.#deadlines.watch(nowMs);
    return true;
  }

  #refuse(attempt: Attempt, error: PosternError): Attempt {
    if (this.isTaking && error.code !== 'POOL_RESTING') this.#refusals.note(error);
    this.counters.refuse(error.code);
    attempt.refuse(error, attempt.state === 'waiting' ? this.#clock.now() - attempt.waitingSinceMs : 0);
    return attempt;
  }

  #count(attempt: Attempt, { code, isAborted }: SeatOutcome): void {
    const { slow, waitedMs } = attempt;
    const ranMs = attempt.ranMs(this.#clock.now());
    this.#deadlines.ended(attempt);
    this.durations.note(waitedMs, ranMs);
    this.counters.add(code === null && !isAborted ? counter.finished : counter.aborted, 1);
    if (code !== null && !isAborted) this.counters.add(counter.failed, 1);
    if (slow !== null) this.slow.ended(slow, ranMs, isAborted ? 'ABORTED' : code);
  }

  /** It runs again, before all who wait. */
  #again(attempt: Attempt, seat: Seat, outcome: SeatOutcome): void {
    this.counters.add(counter.retried, 1);
    this.#wait(attempt, this.#limits.queueTimeoutMs, 'again');
    this.#provider.giveBack(seat as Place, outcome, 'again');
    this.serve();
    if (this.#waiting.length > 0) this.#provider.wanted(this.#waiting.length, 0);
  }

  /** A seat was given back: whoever waits may have it, or has lost one. */
  #afterSeat(): void {
    if (this.#waiting.length > 0) {
      this.serve();
      if (this.#waiting.length > 0) this.#provider.wanted(this.#waiting.length, 0);
    }
    this.#tellServed();
  }

  #late(attempt: Attempt, nowMs: number): void {
    this.#waiting.remove(attempt);
    const waitedMs = nowMs - attempt.waitingSinceMs;
    this.#refuse(attempt, tooLateError(this.#provider, this.#limits, waitedMs, this.#running.inAll));
  }

  /** Its time is over: the seat is taken from it. */
  #expire(attempt: Attempt, limit: TimeLimit | 'operator', nowMs: number): void {
    if (limit === 'abandoned') {
      this.#takeFrom(attempt, null, { code: 'ABORTED', isDone: false, isAborted: true });
      return;
    }
    if (limit === 'operator') {
      tellTaken(this.#log, this.name, this.#provider.words, attempt, 'an operator ended it', nowMs);
      const isAborted = attempt.state === 'leaving';
      this.#takeFrom(attempt, endedError(attempt.ranMs(nowMs)), { code: 'REQUEST_ENDED', isDone: false, isAborted });
      return;
    }
    const limitMs = attempt.limitMs(limit);
    const error = limitError(limit, limitMs, Math.round(attempt.ranMs(nowMs)));
    tellTaken(this.#log, this.name, this.#provider.words, attempt, `${limit}, ${limitMs} ms`, nowMs);
    const outcome = { code: 'ANSWER_TIMEOUT', isDone: false, isAborted: attempt.state === 'leaving' } as const;
    const isAgain = limit === 'readTimeout' && attempt.state === 'running' && this.mayRetry(attempt, 'ANSWER_TIMEOUT');
    if (isAgain) {
      this.#running.remove(attempt);
      this.#again(attempt, attempt.takeSeat(), outcome);
    } else this.#takeFrom(attempt, error, outcome);
  }

  #takeFrom(attempt: Attempt, error: PosternError | null, outcome: SeatOutcome): void {
    const seat = attempt.takeSeat() as Place;
    this.#running.remove(attempt);
    if (error !== null) attempt.tell(error);
    attempt.over();
    this.#count(attempt, outcome);
    this.#provider.giveBack(seat, outcome, 'failed');
    this.#afterSeat();
  }

  #endAll(why: string): void {
    this.#deadline?.cancel();
    this.refuseWaiting(closedError(this.name, this.#phase));
    for (let attempt = this.#running.first; attempt !== null; attempt = this.#running.first) {
      tellTaken(this.#log, this.name, this.#provider.words, attempt, `shutdown: ${why}`, this.#clock.now());
      const isAborted = attempt.state === 'leaving';
      this.#takeFrom(attempt, closedError(this.name, this.#phase), { code: 'POOL_CLOSING', isDone: false, isAborted });
    }
    this.#tellServed();
  }

  /** Where it closes: says once that nobody waits, and once that nobody runs. */
  #tellServed(): void {
    if (this.isTaking || this.#isServing || this.#waiting.length > 0) return;
    if (this.#phase === 'closing') {
      this.#phase = 'served';
      this.#onServed?.();
    }
    if (this.#running.length > 0) return;
    this.#phase = 'closed';
    this.#deadline?.cancel();
    this.#deadlines.stop();
    this.#empty.resolve();
  }
}
