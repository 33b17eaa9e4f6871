// Spans of OpenTelemetry, where its API is installed and somebody has registered what records them: one for each request, with the names of
// its conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), and in it one for the wait and one for the run.
//
//   SERVER    GET *.php           from the request's head to the end of its answer
//   CLIENT      run php           since a pool, or a server elsewhere, has it; passed on as the parent of the program's own spans
//   INTERNAL      wait php        in the pool's queue; only where it waited

import type * as Api from '@opentelemetry/api';
import { type Clock, systemClock } from '../clock.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { bytesToLog, urlForLog } from '../protocol/text.ts';
import { version } from '../version.ts';
import type { HttpRequest } from './message.ts';
import {
  noFields,
  type RequestTrace,
  type TracedEnd,
  type TracedRun,
  type TraceFields,
  type Traces,
  unrecorded,
} from './trace.ts';

/** Methods that a span may be named by: others could be of any number. */
const methods: ReadonlySet<string> = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE QUERY'.split(' '));

/**
 * Spans for the tracer that is registered now; null: the API is not there, or nothing is registered with it.
 * @param failed told once of what the tracer has thrown: a request goes on without its span
 */
export async function openTelemetryTraces(
  failed: (error: unknown) => void,
  clock: Clock = systemClock,
): Promise<Traces | null> {
  // Where nothing is registered its forty modules need not be loaded, in any thread.
  if (!(registry in globalThis)) return null;
  const api = await import('@opentelemetry/api').catch(() => null);
  if (api === null) return null;
  const provider = api.trace.getTracerProvider();
  const nobody = new api.ProxyTracerProvider().getDelegate();
  if (provider instanceof api.ProxyTracerProvider && provider.getDelegate() === nobody) return null;
  return new SpanTraces(api, provider.getTracer('postern', version), clock, failed);
}

/** Where the API keeps what is registered with it, whichever copy of it that was: `internal/global-utils.ts` of its version 1. */
const registry = Symbol.for('opentelemetry.js.api.1');

/** Begins a span for each request. */
class SpanTraces implements Traces {
  readonly #api: typeof Api;
  readonly #tracer: Api.Tracer;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  #hasFailed = false;

  constructor(api: typeof Api, tracer: Api.Tracer, clock: Clock, failed: (error: unknown) => void) {
    this.#api = api;
    this.#tracer = tracer;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** See Traces. */
  begin(request: HttpRequest): RequestTrace {
    const span = this.#tried(() => new RequestSpan(this.#api, this.#tracer, this.#clock, request));
    if (span === null) return unrecorded(fieldValue(request.headers, 'traceparent'), noFields);
    return {
      traceId: span.traceId,
      begins: (pool) => this.#tried(() => span.begins(pool)) ?? noFields,
      ran: (run) => void this.#tried(() => span.ran(run)),
      over: (end) => void this.#tried(() => span.over(end)),
    };
  }

  /** What records spans is somebody else's: a fault of it is told once, and is no fault of the request. */
  #tried<Value>(act: () => Value): Value | null {
    try {
      return act();
    } catch (error) {
      if (!this.#hasFailed) this.#failed(error);
      this.#hasFailed = true;
      return null;
    }
  }
}

/** The span of one request. */
class RequestSpan {
  readonly #api: typeof Api;
  readonly #tracer: Api.Tracer;
  readonly #clock: Clock;
  readonly #method: string;
  /** When the clock was at 0, in milliseconds since 1970: all its spans have the times of one clock. */
  readonly #originMs: number;
  readonly #context: Api.Context;
  readonly #span: Api.Span;
  /** That of the program which has it now; null: none has. */
  #run: Api.Span | null = null;
  readonly traceId: string | null;

  constructor(api: typeof Api, tracer: Api.Tracer, clock: Clock, request: HttpRequest) {
    this.#api = api;
    this.#tracer = tracer;
    this.#clock = clock;
    this.#method = methods.has(request.method) ? request.method : 'HTTP';
    const startTime = clock.wall();
    this.#originMs = startTime - clock.now();
    // Where a server of somebody's own has a span for it already, ours is in that.
    const active = api.context.active();
    const parent =
      api.trace.getSpan(active) === undefined
        ? api.propagation.extract(active, request.headers, headersAsTheyCame)
        : active;
    this.#span = tracer.startSpan(
      this.#method,
      { kind: api.SpanKind.SERVER, startTime, attributes: attributesOf(request, this.#method) },
      parent,
    );
    this.#context = api.trace.setSpan(parent, this.#span);
    const context = this.#span.spanContext();
    this.traceId = api.isSpanContextValid(context) ? context.traceId : null;
  }

  /** See RequestTrace. Its span is there before the program has it: the program's own are in it. */
  begins(pool: string): TraceFields {
    // A program that decided who may has had it before.
    this.#run?.end(this.#now());
    const run = this.#tracer.startSpan(
      `run ${pool}`,
      { kind: this.#api.SpanKind.CLIENT, startTime: this.#now(), attributes: { 'postern.pool': pool } },
      this.#context,
    );
    this.#run = run;
    const told: Record<string, string> = {};
    this.#api.propagation.inject(this.#api.trace.setSpan(this.#context, run), told);
    return Object.keys(told).length === 0 ? noFields : lowerCased(told);
  }

  /** See RequestTrace. */
  ran({ pool, fromMs, waitedMs, untilMs, pid, attempts }: TracedRun): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    if (waitedMs > 0) this.#wait(pool, fromMs, fromMs + waitedMs, run);
    run.setAttribute('postern.attempts', attempts);
    if (pid > 0) run.setAttribute('process.pid', pid);
    run.end(this.#originMs + untilMs);
  }

  /** See RequestTrace. */
  over({ status, error, client, route }: TracedEnd): void {
    const span = this.#span;
    if (status > 0) span.setAttribute('http.response.status_code', status);
    if (client !== null) {
      span.setAttribute('client.address', client.remoteAddress);
      span.setAttribute('url.scheme', client.secure ? 'https' : 'http');
    }
    if (route !== null) {
      span.setAttribute('http.route', route);
      span.updateName(`${this.#method} ${route}`);
    }
    // What a client does wrong is no error of a server's span.
    if (status >= 500 || (error !== null && status < 400)) {
      span.setAttribute('error.type', error ?? String(status));
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    }
    // A tunnel is over when the request is.
    this.#run?.end(this.#now());
    span.end(this.#now());
  }

  #wait(pool: string, fromMs: number, untilMs: number, run: Api.Span): void {
    const options = {
      kind: this.#api.SpanKind.INTERNAL,
      startTime: this.#originMs + fromMs,
      attributes: { 'postern.pool': pool },
    };
    const inside = this.#api.trace.setSpan(this.#context, run);
    this.#tracer.startSpan(`wait ${pool}`, options, inside).end(this.#originMs + untilMs);
  }

  #now(): number {
    return this.#originMs + this.#clock.now();
  }
}

/** What is known of a request when it comes. */
function attributesOf(
  { method, target, version, headers, peer, webServer }: HttpRequest,
  shown: string,
): Api.Attributes {
  const [path = '', query] = urlForLog(target).split(/\?(.*)/s);
  const { serverAddress, serverPort } = serverOf(headers);
  const agent = fieldValue(headers, 'user-agent');
  return {
    'http.request.method': shown === 'HTTP' ? '_OTHER' : method,
    ...(shown === 'HTTP' && { 'http.request.method_original': bytesToLog(method, 32) }),
    'url.path': path,
    ...(query !== undefined && { 'url.query': query }),
    'url.scheme': peer.secure ? 'https' : 'http',
    'network.protocol.name': 'http',
    'network.protocol.version': version === '2.0' ? '2' : version,
    'network.peer.address': webServer === undefined ? peer.remoteAddress : webServer.address,
    ...(peer.remotePort > 0 && { 'network.peer.port': peer.remotePort }),
    ...(serverAddress !== undefined && { 'server.address': bytesToLog(serverAddress, 255) }),
    ...(serverPort !== undefined && { 'server.port': Number(serverPort) }),
    ...(agent !== undefined && { 'user_agent.original': bytesToLog(agent, 512) }),
  };
}

/** Name and port of a Host field; without a port there is none. */
function serverOf(headers: readonly string[]): { serverAddress?: string; serverPort?: string } {
  const host = fieldValue(headers, 'host') ?? '';
  return /^(?<serverAddress>\[[^\]]*\]|[^:]+)(?::(?<serverPort>\d{1,5}))?$/.exec(host)?.groups ?? {};
}

/** Our list of names and values, as a propagator asks for it. */
const headersAsTheyCame: Api.TextMapGetter<readonly string[]> = {
  keys: (headers) => headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
  get: (headers, name) => fieldValue(headers, name.toLowerCase()),
};

function lowerCased(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
}
