// Spreads requests over upstreams: a bounded queue before bounded connections, deadlines, and the next upstream only where that is safe.

import { type Clock, systemClock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import { Dispatch, type DispatchDesk, type DispatchOutcome } from './dispatch.ts';
import type { Upstream, UpstreamEvents } from './upstream.ts';

/** What a dispatcher may do. Every duration is in milliseconds. */
export interface DispatchLimits {
  /** Requests that run at a time, over all upstreams. @default no limit but the upstreams' own */
  readonly running: number;
  /** Requests that may wait for a connection. 0: none waits. @default 512 */
  readonly queue: number;
  /** How long one may wait. @default 5000 */
  readonly queueTimeoutMs: number;
  /** From the connection to the end of the answer, over all attempts. 0: no limit. @default 60000 */
  readonly requestTimeoutMs: number;
}

/** The limits where nothing is said. */
export const defaultDispatchLimits: DispatchLimits = {
  running: Number.POSITIVE_INFINITY,
  queue: 512,
  queueTimeoutMs: 5_000,
  requestTimeoutMs: 60_000,
};

/** Chooses where a request runs, and learns how it went. */
export interface Chooser {
  readonly upstreams: readonly Upstream[];
  /** One that has room and is not among those tried; null: there is none now. */
  choose(tried: ReadonlySet<Upstream>): Upstream | null;
  /** How a request ended there. */
  report(upstream: Upstream, exchange: ClientExchange): void;
}

/** What a dispatcher is made from. */
export interface DispatcherOptions {
  readonly limits?: Partial<DispatchLimits>;
  /** Whether the application is asked to keep the connection after a request. */
  readonly keeps: (request: CgiRequest) => boolean;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Counters since the start. accepted = waiting + running + finished + failed + refused + aborted. */
export interface DispatchCounters {
  readonly accepted: number;
  readonly waiting: number;
  readonly running: number;
  readonly finished: number;
  readonly failed: number;
  readonly refused: number;
  readonly aborted: number;
  /** Attempts beyond the first. */
  readonly retried: number;
}

/** See the file's first line. */
export class Dispatcher implements UpstreamEvents {
  #limits: DispatchLimits;
  readonly #desk: DispatchDesk;
  readonly #waiting = new Set<Dispatch>();
  readonly #running = new Set<Dispatch>();
  #chooser: Chooser;
  #isClosing = false;
  #isServing = false;
  #whenEmpty: (() => void)[] = [];
  readonly #ended: Record<DispatchOutcome, number> = { finished: 0, failed: 0, refused: 0, aborted: 0 };
  #accepted = 0;
  #retried = 0;

  /** Nothing can run before `use()` has said where. */
  constructor(options: DispatcherOptions) {
    this.#limits = { ...defaultDispatchLimits, ...options.limits };
    this.#chooser = nowhere;
    this.#desk = {
      clock: options.clock ?? systemClock,
      queueTimeoutMs: () => this.#limits.queueTimeoutMs,
      keeps: options.keeps,
      again: (dispatch) => this.#again(dispatch),
      over: (dispatch, outcome) => this.#over(dispatch, outcome),
    };
  }

  get counters(): DispatchCounters {
    return {
      accepted: this.#accepted,
      waiting: this.#waiting.size,
      running: this.#running.size,
      ...this.#ended,
      retried: this.#retried,
    };
  }

  /** From now on requests go where this says, within these limits. What waits is given to it; what runs is not touched. */
  use(chooser: Chooser, limits: Partial<DispatchLimits> = this.#limits): void {
    this.#chooser = chooser;
    this.#limits = { ...defaultDispatchLimits, ...limits };
    this.#serve();
  }

  /**
   * Starts a request. It fails with POOL_CLOSING, QUEUE_FULL or QUEUE_TIMEOUT where there is no room for it.
   * @param requestTimeoutMs in place of the one of the limits
   */
  run(request: CgiRequest, sink: CgiSink, requestTimeoutMs = this.#limits.requestTimeoutMs): Dispatch {
    const dispatch = new Dispatch(request, sink, this.#desk, requestTimeoutMs);
    this.#accepted += 1;
    this.#waiting.add(dispatch);
    this.#serve();
    if (!this.#waiting.has(dispatch)) return dispatch;
    const refusal = this.#refusal();
    if (refusal === null) dispatch.wait();
    else dispatch.refuse(refusal);
    return dispatch;
  }

  /** Refuses new requests, and what waits; resolves when the last one that runs has ended. Repeatable. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const dispatch of [...this.#waiting]) dispatch.refuse(closingError());
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** See UpstreamEvents. */
  released(upstream: Upstream, exchange: ClientExchange): void {
    this.#chooser.report(upstream, exchange);
  }

  /** See UpstreamEvents. */
  freed(): void {
    if (this.#waiting.size > 0) this.#serve();
  }

  /** Starts what waits, in its order, as long as there is room. */
  #serve(): void {
    // What is started here may fail at once and free its room: the loop below sees that.
    if (this.#isServing || this.#isClosing) return;
    this.#isServing = true;
    for (const dispatch of this.#waiting) {
      if (this.#running.size >= this.#limits.running) break;
      const upstream = this.#chooser.choose(dispatch.tried);
      if (upstream === null) break;
      this.#waiting.delete(dispatch);
      this.#running.add(dispatch);
      dispatch.start(upstream);
    }
    this.#isServing = false;
  }

  /** Why what was just added to those that wait may not do so; null: it may. */
  #refusal(): PosternError | null {
    const { queue, queueTimeoutMs } = this.#limits;
    if (this.#isClosing) return closingError();
    if (this.#waiting.size <= queue && queueTimeoutMs > 0) return null;
    const why = queue === 0 || queueTimeoutMs === 0 ? 'none may wait' : `${queue} wait already`;
    return new PosternError(
      'QUEUE_FULL',
      `no connection is free (${this.#running.size} requests are running) and ${why}: raise the connections at a time, or the queue`,
    );
  }

  /** Puts one back among those that wait. Its connection tells of its own end next, and what waits is served then. */
  #again(dispatch: Dispatch): boolean {
    const { upstreams } = this.#chooser;
    // A kept connection may be found closed, then every upstream tried once.
    const isSpent = dispatch.attempts > upstreams.length;
    if (this.#isClosing || isSpent || upstreams.every((upstream) => dispatch.tried.has(upstream))) return false;
    this.#retried += 1;
    this.#running.delete(dispatch);
    this.#waiting.add(dispatch);
    dispatch.wait();
    return true;
  }

  #over(dispatch: Dispatch, outcome: DispatchOutcome): void {
    if (!this.#waiting.delete(dispatch)) this.#running.delete(dispatch);
    this.#ended[outcome] += 1;
    if (this.#running.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

/** Before `use()`. */
const nowhere: Chooser = { upstreams: [], choose: () => null, report: () => {} };

function closingError(): PosternError {
  return new PosternError('POOL_CLOSING', 'the connections are being closed, and no new request is taken');
}
