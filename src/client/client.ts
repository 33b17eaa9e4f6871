// Talks to one FastCGI application: kept connections, a bounded queue before them, deadlines, and retries only where they do no harm.

import { type Clock, systemClock } from '../clock.ts';
import { type Address, formatAddress, parseAddress } from '../connection/address.ts';
import { ClientConnection } from '../connection/client-connection.ts';
import { withDefaults } from '../defaults.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import type { ApplicationValues } from '../protocol/fastcgi/record.ts';
import type { Attempt } from '../queue/attempt.ts';
import type { QueueCounters } from '../queue/queue-books.ts';
import { UpstreamPool, type UpstreamPoolOptions } from '../upstream/upstream-pool.ts';
import type { UpstreamSeat } from '../upstream/upstream-seat.ts';
import { type AnswerSink, GatheringSink, StreamingSink } from './answer-sink.ts';
import { type Answer, type Authorization, authorizationOf, type StreamedAnswer, type Timing } from './client-answer.ts';
import { type ClientOptions, type ClientSettings, defaultClientOptions } from './client-options.ts';
import { type ClientRequest, makeRequest } from './client-request.ts';

/** GET_VALUES is answered at once, or never: libfcgi reads it, and then waits for the next record before it answers. */
const VALUES_TIMEOUT_MS = 1_000;
/** What a timer can wait at most, 24 days: no limit. */
const FOR_EVER_MS = 2_147_483_647;

/**
 * Makes a client. Nothing is connected before the first request, and idle connections do not keep the process alive.
 * @throws CONFIG_INVALID for an address that is none
 */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

/** See `createClient`. */
export class Client implements AsyncDisposable {
  readonly address: Address;
  readonly #options: ClientSettings;
  readonly #clock: Clock;
  readonly #pool: UpstreamPool;
  /** `new`: no request was made. `asking`: how many requests a connection takes. `ready`: that is known. */
  #state: 'new' | 'asking' | 'ready' = 'new';

  constructor(options: ClientOptions) {
    this.address = typeof options.address === 'string' ? parseAddress(options.address) : options.address;
    this.#options = withDefaults(defaultClientOptions, options);
    this.#clock = options.clock ?? systemClock;
    this.#pool = new UpstreamPool({ ...this.#poolOptions(1, this.#options.maxConnections), servers: [] });
  }

  /** Counters since the client was made. */
  get counters(): QueueCounters {
    return this.#pool.counters;
  }

  /** Connections that are open, idle ones included. */
  get connections(): number {
    return this.#pool.connections;
  }

  /**
   * Sends a request and keeps its answer.
   * @throws CONNECT_FAILED, CONNECTION_LOST, PROTOCOL_ERROR, ANSWER_INVALID (also: too large), ANSWER_TIMEOUT, OVERLOADED,
   * CANT_MULTIPLEX, UNKNOWN_ROLE, PARAMS_TOO_LARGE, QUEUE_FULL, QUEUE_TIMEOUT, BODY_INCOMPLETE, ABORTED
   */
  async request(request: ClientRequest): Promise<Answer> {
    const { maxBodyBytes, maxStderrBytes } = this.#options;
    const sink = new GatheringSink(maxBodyBytes, maxStderrBytes, this.#clock);
    return this.#send(request, sink);
  }

  /**
   * Sends a request; the answer is given as soon as its head is there, and its body as a stream.
   * @throws as `request`
   */
  async stream(request: ClientRequest): Promise<StreamedAnswer> {
    return this.#send(request, new StreamingSink(this.#options.maxStderrBytes, this.#clock));
  }

  /**
   * Asks an authorizer.
   * @throws as `request`
   */
  async authorize(request: Omit<ClientRequest, 'role' | 'body' | 'data'>): Promise<Authorization> {
    return authorizationOf(await this.request({ ...request, role: 'authorizer' }));
  }

  /** Runs a request whose variables are byte strings, with plain calls in place of promises: as any backend. */
  run(request: CgiRequest, sink: CgiSink): Exchange {
    return this.#run(request, sink);
  }

  /**
   * Asks the application what it can do (GET_VALUES), on a connection of its own, since many close it after the answer. Kept connections
   * are closed for it, since one may hold the only process; while requests run, it waits for an answer as long as one of them may. Programs
   * of libfcgi never answer.
   * @throws CONNECT_FAILED, CONNECTION_LOST, ANSWER_TIMEOUT when it does not answer
   */
  async values(): Promise<ApplicationValues> {
    const { connectTimeoutMs } = this.#options;
    const owner = { released: () => {}, closed: () => {} };
    this.#pool.closeIdle();
    const connection = ClientConnection.open(this.address, owner, { connectTimeoutMs, clock: this.#clock });
    let quietSinceMs = this.#clock.now();
    const timer = this.#clock.every(VALUES_TIMEOUT_MS / 10, () => {
      const now = this.#clock.now();
      if (this.#pool.queue.running > 0) quietSinceMs = now;
      // A request that has just ended may have left a kept connection.
      else this.#pool.closeIdle();
      if (now - quietSinceMs < VALUES_TIMEOUT_MS) return;
      const what = `${formatAddress(this.address)} did not answer GET_VALUES within ${VALUES_TIMEOUT_MS} ms`;
      connection.destroy(new PosternError('ANSWER_TIMEOUT', what));
    });
    try {
      return await connection.getValues();
    } finally {
      timer.cancel();
      connection.destroy();
    }
  }

  /** Refuses new requests, lets those that wait and run finish, closes every connection. Repeatable. */
  async close(): Promise<void> {
    await this.#pool.close(FOR_EVER_MS);
  }

  /** Closes every connection now; what runs fails with `error`, else with POOL_CLOSING. Repeatable. */
  destroy(error: PosternError | null = null): void {
    void this.#pool.destroy(error);
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #send<Result>(
    request: ClientRequest,
    sink: AnswerSink & { readonly answer: Promise<Result> },
  ): Promise<Result> {
    const { signal, timeoutMs } = request;
    if (signal?.aborted) throw abortedError(signal);
    const startedAtMs = this.#clock.now();
    const made = makeRequest(request);
    const attempt = this.#run(timeoutMs === undefined ? made : { ...made, requestTimeoutMs: timeoutMs }, sink);
    const onAbort = (): void => {
      attempt.abort();
      sink.fail(abortedError(signal!));
    };
    sink.running = {
      end: () => {
        const seat = attempt.seat as UpstreamSeat;
        return { appStatus: seat.appStatus, timing: this.#timingOf(startedAtMs, attempt, seat, sink) };
      },
      over: () => signal?.removeEventListener('abort', onAbort),
      resume: () => attempt.resume(),
      abort: () => attempt.abort(),
    };
    if (!attempt.isOver) signal?.addEventListener('abort', onAbort, { once: true });
    return sink.answer;
  }

  #run(request: CgiRequest, sink: CgiSink): Attempt {
    if (this.#state === 'new') this.#begin();
    return this.#pool.run(request, sink);
  }

  /** Before the first request: finds out how many requests a connection takes. What was asked meanwhile waits in the queue. */
  #begin(): void {
    if (this.#options.multiplex <= 1) this.#use(1, this.#options.maxConnections);
    else void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#state = 'asking';
    let maxExchanges = 1;
    let { maxConnections } = this.#options;
    try {
      const values = await this.values();
      if (values.multiplexes)
        maxExchanges = Math.min(this.#options.multiplex, values.maxRequests ?? Number.POSITIVE_INFINITY);
      maxConnections = Math.min(maxConnections, values.maxConnections ?? Number.POSITIVE_INFINITY);
    } catch {
      // Whoever does not answer is not multiplexed; the request itself will tell what is wrong.
    }
    this.#use(Math.max(1, maxExchanges), Math.max(1, maxConnections));
  }

  #use(maxExchanges: number, maxConnections: number): void {
    this.#state = 'ready';
    this.#pool.reload(this.#poolOptions(maxExchanges, maxConnections));
  }

  #poolOptions(maxExchanges: number, maxConnections: number): UpstreamPoolOptions {
    const { reuse, idleTimeoutMs, connectTimeoutMs, writeTimeoutMs } = this.#options;
    const { queue, queueTimeoutMs, requestTimeoutMs } = this.#options;
    return {
      name: formatAddress(this.address),
      servers: [{ address: this.address }],
      maxConnections,
      maxExchanges,
      reuse,
      idleTimeoutMs,
      connectTimeoutMs,
      writeTimeoutMs,
      limits: { queue, queueTimeoutMs, requestTimeoutMs, readTimeoutMs: 0 },
      limitName: 'maxConnections',
      clock: this.#clock,
    };
  }

  #timingOf(startedAtMs: number, { waitedMs }: Attempt, { connection }: UpstreamSeat, sink: AnswerSink): Timing {
    const endedAtMs = this.#clock.now();
    const assignedAtMs = startedAtMs + waitedMs;
    const connectedAtMs = Math.max(assignedAtMs, connection.connectedAtMs ?? assignedAtMs);
    return {
      waitMs: waitedMs,
      connectMs: connectedAtMs - assignedAtMs,
      firstByteMs: (sink.firstByteAtMs ?? endedAtMs) - connectedAtMs,
      totalMs: endedAtMs - startedAtMs,
    };
  }
}

function abortedError(signal: AbortSignal): PosternError {
  return new PosternError('ABORTED', 'the request was aborted by its signal', { cause: signal.reason });
}
