// Talks to one FastCGI application: kept connections, a bounded queue before them, deadlines, and retries only where they do no harm.

import { type Clock, systemClock } from '../clock.ts';
import { type Address, formatAddress, parseAddress } from '../connection/address.ts';
import { ClientConnection } from '../connection/client-connection.ts';
import type { Dispatch, DispatchTiming } from '../connection/dispatch.ts';
import { type Chooser, type DispatchCounters, Dispatcher } from '../connection/dispatcher.ts';
import { Upstream } from '../connection/upstream.ts';
import { withDefaults } from '../defaults.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import type { ApplicationValues } from '../protocol/fastcgi/bodies.ts';
import { GatheringSink, StreamingSink } from './answer-sink.ts';
import { type Answer, type Authorization, authorizationOf, type StreamedAnswer, type Timing } from './client-answer.ts';
import { type ClientOptions, type ClientSettings, defaultClientOptions } from './client-options.ts';
import { type ClientRequest, makeRequest } from './client-request.ts';

/** GET_VALUES is answered at once, or never: libfcgi reads it, and then waits for the next record before it answers. */
const VALUES_TIMEOUT_MS = 1_000;

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
  readonly #dispatcher: Dispatcher;
  #upstream: Upstream | null = null;
  #isAsking = false;
  #isMultiplexed = false;

  constructor(options: ClientOptions) {
    this.address = typeof options.address === 'string' ? parseAddress(options.address) : options.address;
    this.#options = withDefaults(defaultClientOptions, options);
    this.#clock = options.clock ?? systemClock;
    const { queue, queueTimeoutMs, requestTimeoutMs } = this.#options;
    this.#dispatcher = new Dispatcher({
      limits: { queue, queueTimeoutMs, requestTimeoutMs },
      keeps: (request) => this.#keeps(request),
      clock: this.#clock,
    });
  }

  /** Counters since the client was made. */
  get counters(): DispatchCounters {
    return this.#dispatcher.counters;
  }

  /** Connections that are open, idle ones included. */
  get connections(): number {
    return this.#upstream?.connections ?? 0;
  }

  /**
   * Sends a request and keeps its answer.
   * @throws CONNECT_FAILED, CONNECTION_LOST, PROTOCOL_ERROR, ANSWER_INVALID (also: too large), ANSWER_TIMEOUT, OVERLOADED,
   * CANT_MULTIPLEX, UNKNOWN_ROLE, PARAMS_TOO_LARGE, QUEUE_FULL, QUEUE_TIMEOUT, BODY_INCOMPLETE, ABORTED
   */
  async request(request: ClientRequest): Promise<Answer> {
    const { maxBodyBytes, maxStderrBytes } = this.#options;
    const sink = new GatheringSink(maxBodyBytes, maxStderrBytes);
    return this.#send(request, sink);
  }

  /**
   * Sends a request; the answer is given as soon as its head is there, and its body as a stream.
   * @throws as `request`
   */
  async stream(request: ClientRequest): Promise<StreamedAnswer> {
    return this.#send(request, new StreamingSink(this.#options.maxStderrBytes));
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
   * Asks the application what it can do (GET_VALUES), on a connection of its own, since many close it after the answer. Programs of
   * libfcgi never answer.
   * @throws CONNECT_FAILED, CONNECTION_LOST, ANSWER_TIMEOUT when it does not answer
   */
  async values(): Promise<ApplicationValues> {
    const { connectTimeoutMs } = this.#options;
    const owner = { released: () => {}, closed: () => {} };
    const connection = ClientConnection.open(this.address, owner, { connectTimeoutMs, clock: this.#clock });
    const timer = this.#clock.after(VALUES_TIMEOUT_MS, () => {
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

  /** Refuses new requests, lets those that run finish, closes every connection. Repeatable. */
  async close(): Promise<void> {
    await this.#dispatcher.close();
    await this.#upstream?.close();
  }

  /** Closes every connection now; what runs fails. Repeatable. */
  destroy(error: PosternError | null = null): void {
    void this.#dispatcher.close();
    this.#upstream?.destroy(error);
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #send<Result>(request: ClientRequest, sink: CgiSink & ClientSink<Result>): Promise<Result> {
    const { signal, timeoutMs } = request;
    if (signal?.aborted) throw abortedError(signal);
    const dispatch = this.#run(makeRequest(request), sink, timeoutMs);
    const onAbort = (): void => {
      dispatch.abort();
      sink.fail(abortedError(signal!));
    };
    sink.running = {
      end: () => ({ appStatus: dispatch.appStatus, timing: timingOf(dispatch.timing, this.#clock.now()) }),
      over: () => signal?.removeEventListener('abort', onAbort),
      resume: () => dispatch.resume(),
      abort: () => dispatch.abort(),
    };
    if (!dispatch.isOver) signal?.addEventListener('abort', onAbort, { once: true });
    return sink.answer;
  }

  #run(request: CgiRequest, sink: CgiSink, timeoutMs = this.#options.requestTimeoutMs): Dispatch {
    if (this.#upstream === null) this.#begin();
    return this.#dispatcher.run(request, sink, timeoutMs);
  }

  /** Before the first request: finds out how many requests a connection takes. What was asked meanwhile waits in the queue. */
  #begin(): void {
    if (this.#options.multiplex <= 1) this.#use(1, this.#options.maxConnections);
    else if (!this.#isAsking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
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
    const { idleTimeoutMs, connectTimeoutMs, writeTimeoutMs } = this.#options;
    const connection = { connectTimeoutMs, writeTimeoutMs, maxExchanges };
    const options = { maxConnections, idleTimeoutMs, connection, clock: this.#clock };
    this.#isMultiplexed = maxExchanges > 1;
    this.#upstream = new Upstream(this.address, options, this.#dispatcher);
    this.#dispatcher.use(only(this.#upstream));
  }

  #keeps(request: CgiRequest): boolean {
    const { reuse, idleTimeoutMs } = this.#options;
    if (this.#isMultiplexed) return true;
    if (idleTimeoutMs === 0 || reuse === 'never') return false;
    return reuse === 'always' || request.body === null;
  }
}

/** What `#send` needs of a sink. */
interface ClientSink<Result> {
  running: GatheringSink['running'];
  readonly answer: Promise<Result>;
}

/** There is one place to run a request. */
function only(upstream: Upstream): Chooser {
  return {
    upstreams: [upstream],
    choose: (tried) => (upstream.hasRoom && !tried.has(upstream) ? upstream : null),
    report: () => {},
  };
}

function timingOf(timing: DispatchTiming, endedAtMs: number): Timing {
  const { startedAtMs, assignedAtMs, connectedAtMs, firstByteAtMs } = timing;
  const assigned = assignedAtMs ?? endedAtMs;
  const connected = Math.max(assigned, connectedAtMs ?? assigned);
  return {
    waitMs: assigned - startedAtMs,
    connectMs: connected - assigned,
    firstByteMs: (firstByteAtMs ?? endedAtMs) - connected,
    totalMs: endedAtMs - startedAtMs,
  };
}

function abortedError(signal: AbortSignal): PosternError {
  return new PosternError('ABORTED', 'the request was aborted by its signal', { cause: signal.reason });
}
