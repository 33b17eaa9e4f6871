// One request on its way through a dispatcher: it waits for room, runs, and runs again elsewhere where that does no harm.

import type { Clock, Timer } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { CgiHead, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { formatAddress } from './address.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ClientExchange } from './client-exchange.ts';
import { mayRetry } from './retry.ts';
import type { Upstream } from './upstream.ts';

/** Times of one request, by the dispatcher's clock; null: it did not come to that. */
export interface DispatchTiming {
  readonly startedAtMs: number;
  /** A connection was given to it. */
  readonly assignedAtMs: number | null;
  /** That connection stood; before `assignedAtMs` for one that was kept. */
  readonly connectedAtMs: number | null;
  /** The first bytes of the answer came. */
  readonly firstByteAtMs: number | null;
}

/** How a dispatch ended: `refused`: it never ran; `failed`: it ran, and its answer was not completed. */
export type DispatchOutcome = 'finished' | 'failed' | 'refused' | 'aborted';

/** What a dispatch needs of its dispatcher. */
export interface DispatchDesk {
  readonly clock: Clock;
  queueTimeoutMs(): number;
  /** Whether the application is asked to keep the connection after this request. */
  keeps(request: CgiRequest): boolean;
  /** It failed in a way that lets it run again. @returns false when there is nowhere to run it */
  again(dispatch: Dispatch): boolean;
  /** It ended, or the one who asked has gone. */
  over(dispatch: Dispatch, outcome: DispatchOutcome): void;
}

/** See the file's first line. */
export class Dispatch implements CgiSink, Exchange {
  readonly request: CgiRequest;
  /** Where it ran on a connection of its own, and failed. */
  readonly tried = new Set<Upstream>();
  attempts = 0;
  waitedMs = 0;
  readonly #desk: DispatchDesk;
  readonly #requestTimeoutMs: number;
  readonly #startedAtMs: number;
  /** null once it was told an end, or must not be told one. */
  #sink: CgiSink | null;
  #upstream: Upstream | null = null;
  #connection: ClientConnection | null = null;
  #isFresh = false;
  #exchange: ClientExchange | null = null;
  #hasHead = false;
  #assignedAtMs: number | null = null;
  #firstByteAtMs: number | null = null;
  #waitTimer: Timer | null = null;
  #requestTimer: Timer | null = null;

  constructor(request: CgiRequest, sink: CgiSink, desk: DispatchDesk, requestTimeoutMs: number) {
    this.request = request;
    this.#sink = sink;
    this.#desk = desk;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#startedAtMs = desk.clock.now();
  }

  /** Whether its sink was told an end, or it was aborted. */
  get isOver(): boolean {
    return this.#sink === null;
  }

  /** Whether only a new connection will do: the one before was kept, and had been closed meanwhile. */
  get needsFresh(): boolean {
    return this.attempts > 0;
  }

  /** From the last END_REQUEST; 0 before it. */
  get appStatus(): number {
    return this.#exchange?.appStatus ?? 0;
  }

  get timing(): DispatchTiming {
    return {
      startedAtMs: this.#startedAtMs,
      assignedAtMs: this.#assignedAtMs,
      connectedAtMs: this.#connection?.connectedAtMs ?? null,
      firstByteAtMs: this.#firstByteAtMs,
    };
  }

  /** There is no room now: the time that it may wait begins. */
  wait(): void {
    const queueTimeoutMs = this.#desk.queueTimeoutMs();
    this.#waitTimer = this.#desk.clock.after(queueTimeoutMs, () => {
      const what = `no connection became free within ${queueTimeoutMs} ms`;
      this.refuse(new PosternError('QUEUE_TIMEOUT', `${what}: raise the connections at a time or queueTimeout`));
    });
  }

  /** It is not run, or not run again. */
  refuse(error: PosternError): void {
    this.#settle(error, this.attempts === 0 ? 'refused' : 'failed');
  }

  /** Runs it on an upstream that has room. The sink may be called before this returns only with a request that is too large. */
  start(upstream: Upstream): void {
    this.#waitTimer?.cancel();
    const { connection, isFresh } = upstream.take(this.needsFresh)!;
    this.attempts += 1;
    this.#upstream = upstream;
    this.#connection = connection;
    this.#isFresh = isFresh;
    this.#assignedAtMs = this.#desk.clock.now();
    this.waitedMs = this.#assignedAtMs - this.#startedAtMs;
    if (this.attempts === 1) this.#startRequestTimer();
    try {
      this.#exchange = connection.run(this.request, this, this.#desk.keeps(this.request));
    } catch (thrown) {
      if (connection.running === 0) connection.close();
      this.#settle(toPosternError(thrown), 'failed');
    }
  }

  resume(): void {
    this.#exchange?.resume();
  }

  abort(): void {
    if (this.#sink === null) return;
    this.#exchange?.abort();
    this.#over('aborted');
    this.#stop(null);
  }

  head(head: CgiHead): void {
    this.#hasHead = true;
    this.#firstByteAtMs ??= this.#desk.clock.now();
    this.#sink?.head(head);
  }

  write(chunk: Uint8Array): boolean {
    return this.#sink?.write(chunk) ?? true;
  }

  flush(): void {
    this.#sink?.flush();
  }

  stderr(chunk: Uint8Array): void {
    this.#firstByteAtMs ??= this.#desk.clock.now();
    this.#sink?.stderr(chunk);
  }

  end(): void {
    const sink = this.#over('finished');
    sink?.end();
  }

  /** The attempt failed: the sink is told, unless the request runs again. */
  fail(error: PosternError): void {
    if (this.#sink === null) return;
    const exchange = this.#exchange!;
    if (!this.#hasHead && mayRetry(exchange)) {
      if (this.#isFresh || error.code === 'OVERLOADED') this.tried.add(this.#upstream!);
      if (this.#desk.again(this)) return;
    }
    this.#settle(error, 'failed');
    this.#stop(error);
  }

  #startRequestTimer(): void {
    const requestTimeoutMs = this.#requestTimeoutMs;
    if (requestTimeoutMs === 0) return;
    this.#requestTimer = this.#desk.clock.after(requestTimeoutMs, () => {
      const name = formatAddress(this.#upstream!.address);
      const error = new PosternError(
        'ANSWER_TIMEOUT',
        `${name} did not complete its answer within ${requestTimeoutMs} ms`,
      );
      this.#settle(error, 'failed');
      this.#stop(error);
    });
  }

  #settle(error: PosternError, outcome: DispatchOutcome): void {
    const sink = this.#over(outcome);
    sink?.fail(error);
  }

  /** @returns the sink, the first time; it is not called any more through this */
  #over(outcome: DispatchOutcome): CgiSink | null {
    const sink = this.#sink;
    if (sink === null) return null;
    this.#sink = null;
    this.#waitTimer?.cancel();
    this.#requestTimer?.cancel();
    this.#desk.over(this, outcome);
    return sink;
  }

  /** Ends what runs for it; where its connection carries nothing else, by closing that: few applications read ABORT_REQUEST. */
  #stop(error: PosternError | null): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.hasEnded) return;
    if (this.#connection!.running <= 1) this.#connection!.destroy(error);
    else exchange.abort();
  }
}
