// Runs CGI requests on the workers of a pool.

import { PosternError, toPosternError } from '../errors.ts';
import type { Desk } from '../pool/desk.ts';
import { mayRetry } from '../pool/fate.ts';
import type { Pool } from '../pool/pool.ts';
import type { Ticket } from '../pool/ticket.ts';
import type { Backend, CgiHead, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { codeOf, type Lane, type LaneOutcome, type LaneUser } from '../worker/lane.ts';

/** A pool as a backend. */
export class PoolBackend implements Backend {
  readonly name: string;
  readonly #desk: Desk;

  constructor(pool: Pool) {
    this.name = pool.name;
    this.#desk = pool.desk;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    const exchange = new PoolExchange(this.#desk, request, sink);
    this.#desk.acquire(exchange);
    return exchange;
  }
}

/** A program that still writes so long after its client has left is cut off: most notice that, and end the request. */
const cutOffMs = 1_000;

/**
 * One request: the ticket that waits, the lane's user, and what the one who asked holds, in one object.
 *
 * When the client leaves:
 * 1. A request that waits is forgotten.
 * 2. One that runs keeps its lane until the program is done with it, since PHP reads no ABORT_REQUEST: a lane whose process is
 *    at work could not serve. What still comes is thrown away.
 * 3. A program that goes on writing for a second is cut off, and its process asked to leave when it has noticed: one that
 *    streams for ever would hold its lane until the request's limit.
 * So clients that come and go cost a process only where a program streams to nobody.
 */
class PoolExchange implements Exchange, Ticket, LaneUser {
  readonly method: string;
  readonly url: string;
  nextWaiter: Ticket | null = null;
  previousWaiter: Ticket | null = null;
  isWaiting = false;
  waitingSinceMs = 0;
  waitUntilMs = 0;
  waitedMs = 0;
  readonly #desk: Desk;
  readonly #request: CgiRequest;
  /** null once it was told the end, or wants to hear no more. */
  #sink: CgiSink | null;
  #lane: Lane | null = null;
  #attempts = 0;
  #begun = 0;
  #hasAnswer = false;
  #willRetry = false;
  #isAborted = false;
  /** When the tick first saw that the client has left. */
  #abortedAtMs = 0;

  constructor(desk: Desk, request: CgiRequest, sink: CgiSink) {
    this.#desk = desk;
    this.#request = request;
    this.#sink = sink;
    this.method = request.method;
    this.url = request.url;
  }

  resume(): void {
    this.#lane?.resume();
  }

  abort(): void {
    if (this.#isAborted || this.#sink === null) return;
    this.#isAborted = true;
    this.#sink = null;
    if (this.#lane === null) this.#desk.cancel(this);
    else this.#lane.abort();
  }

  granted(lane: Lane, waitedMs: number): void {
    this.#lane = lane;
    this.#attempts += 1;
    this.waitedMs += waitedMs;
    try {
      lane.run(this.#request, this);
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.#lane = null;
      this.#fail(error);
      this.#desk.release(lane, { code: error.code, isDone: true, isAborted: false });
    }
  }

  refused(error: PosternError, waitedMs: number): void {
    this.waitedMs += waitedMs;
    this.#fail(error);
  }

  expired(error: PosternError): void {
    this.#lane = null;
    this.#fail(error);
  }

  tick(nowMs: number): void {
    if (!this.#isAborted || this.#lane === null) return;
    if (this.#abortedAtMs === 0) this.#abortedAtMs = nowMs;
    if (nowMs - this.#abortedAtMs < cutOffMs || this.#lane.discardedBytes === 0) return;
    const lane = this.#lane;
    this.#lane = null;
    this.#desk.release(lane, { code: 'ABORTED', isDone: false, isAborted: true });
  }

  head(head: CgiHead): void {
    this.#hasAnswer = true;
    this.#sink?.head(head);
  }

  write(chunk: Uint8Array): boolean {
    return this.#sink?.write(chunk) ?? true;
  }

  flush(): void {
    this.#sink?.flush();
  }

  end(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }

  fail(reported: PosternError): void {
    const code = codeOf(reported);
    // One dead process is one line of the log: the pool's, which knows more of it.
    const isTold = this.#lane !== null && this.#desk.tells(this.#lane, code);
    const error =
      code === reported.code && !isTold
        ? reported
        : new PosternError(code, reported.message, { cause: reported, isTold, fields: reported.fields });
    const { body, idempotent } = this.#request;
    const isUnbegun = this.#lane?.isUnbegun ?? false;
    if (!isUnbegun) this.#begun += 1;
    this.#willRetry =
      !this.#isAborted &&
      mayRetry({
        code: error.code,
        isIdempotent: idempotent,
        isReplayable: body === null || body.replayable,
        isUnbegun,
        hasAnswer: this.#hasAnswer,
        attempts: this.#attempts,
        begun: this.#begun,
      });
    if (!this.#willRetry) this.#fail(error);
  }

  stderr(chunk: Uint8Array): void {
    this.#sink?.stderr(chunk);
  }

  released(lane: Lane, outcome: LaneOutcome): void {
    if (lane !== this.#lane) return;
    this.#lane = null;
    if (this.#willRetry && !this.#isAborted) {
      this.#willRetry = false;
      this.#desk.retry(lane, outcome);
    } else {
      this.#desk.release(lane, outcome);
    }
  }

  #fail(error: PosternError): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(error);
  }
}
