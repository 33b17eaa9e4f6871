// The gateway: an HTTP request comes in from a front, what answers it is decided, and a backend, a file or an error answers. Start reading here.
//
//   front -> Gateway.handle -> client -> route, script -> body -> environment -> Backend.run
//   front <- Reply <- ProgramAnswer (program), sendFile (file), errorAnswer (error)

import { type Clock, systemClock } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { makeEnvironment } from '../protocol/cgi/environment.ts';
import type { Environment, Exchange } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-names.ts';
import { isIdempotent } from '../protocol/cgi/request.ts';
import { fieldsBytes, fieldValue } from '../protocol/http/headers.ts';
import { parseTarget, type RequestPath } from '../protocol/http/path.ts';
import { type AccessLog, urlForLog } from './access-log.ts';
import { type AnswerOwner, ProgramAnswer } from './answer.ts';
import { checkBodyLength, collectBody, type HeldBody, streamBody } from './body.ts';
import { bytesToLog, textToBytes } from './bytes.ts';
import { type Client, identifyClient, TrustedProxies } from './client.ts';
import { DocumentRoot } from './document-root.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from './message.ts';
import { RecordRate } from './record-rate.ts';
import { type Outcome, Reply, type ReplyOwner } from './reply.ts';
import { compileRoutes } from './route.ts';
import { type Decision, decide, type Routing, type Run } from './script.ts';
import { findSendfile } from './sendfile.ts';
import type { Site } from './site.ts';
import { sendFile } from './static-file.ts';
import { StderrLog } from './stderr-log.ts';

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly site: Site;
  /** Errors of programs and their STDERR. @default nothing is logged */
  readonly log?: Log;
  /** Told of each request when it is over. @default null */
  readonly accessLog?: AccessLog | null;
  readonly clock?: Clock;
}

/** One site's gateway. It owns nothing that has to be closed: a new configuration is a new gateway. */
export interface Gateway {
  /** To be given to fronts. */
  readonly handle: HttpHandler;
  /** Requests that are not over. */
  readonly active: number;
  /** What a request would get and why, without running anything. @throws BAD_REQUEST and its kind */
  explain(request: HttpRequest): { readonly decision: Decision; readonly environment: Environment | null };
}

const MAX_FIELDS = 200;
const MAX_FIELD_BYTES = 65_536;
const MAX_TARGET_BYTES = 32_768;
const MAX_LOCAL_REDIRECTS = 10;

/** Makes the gateway of one site. @throws CONFIG_INVALID for a route or proxy that cannot be read */
export function createGateway(options: GatewayOptions): Gateway {
  return new SiteGateway(options);
}

/** What every request of a site shares. */
class SiteGateway implements Gateway {
  readonly site: Site;
  readonly log: Log;
  readonly accessLog: AccessLog | null;
  readonly clock: Clock;
  readonly routing: Routing;
  readonly root: DocumentRoot | null;
  readonly proxies: TrustedProxies;
  readonly names: HeaderNames;
  readonly stderrRate: RecordRate;
  readonly errorRate: RecordRate;
  /** What the configuration adds to the environment, by route and as byte strings. */
  readonly #configured = new Map<object, Readonly<Record<string, string>>>();
  active = 0;

  constructor({ site, log = silentLog, accessLog = null, clock = systemClock }: GatewayOptions) {
    this.site = site;
    this.log = log;
    this.accessLog = accessLog;
    this.clock = clock;
    this.root =
      site.root === null
        ? null
        : new DocumentRoot({ ...site, root: site.root, validMs: site.pathCacheMs, now: () => clock.now() });
    this.routing = { routes: compileRoutes(site.routes), root: this.root, index: site.index, fallback: site.fallback };
    this.proxies = new TrustedProxies(site.trustedProxies);
    this.names = new HeaderNames((name) => {
      log.info(
        { site: site.name, header: bytesToLog(name, 128) },
        'a request header was dropped: its name is not [A-Za-z0-9-]',
      );
    });
    this.stderrRate = new RecordRate(clock);
    this.errorRate = new RecordRate(clock);
  }

  readonly handle: HttpHandler = (request, answer) => new Visit(this, request, answer).start();

  explain(request: HttpRequest): { decision: Decision; environment: Environment | null } {
    const client = identifyClient(request, this.proxies);
    const target = checkRequest(request);
    const decision = decide(this.routing, target);
    if (decision.kind !== 'run') return { decision, environment: null };
    return { decision, environment: this.environmentFor(request, client, target, decision, request.contentLength) };
  }

  environmentFor(
    request: HttpRequest,
    client: Client,
    { query }: RequestPath,
    { route, scriptName, pathInfo, scriptFile }: Run,
    contentLength: number | null,
  ): Environment {
    const { method, target, version, headers } = request;
    const { serverName, serverPort, serverAddress, remoteAddress, remotePort, secure } = client;
    const source = { method, target, version, headers, query, scriptName, pathInfo, scriptFile, contentLength };
    return makeEnvironment(
      {
        ...source,
        ...{ serverName, serverPort, serverAddress, remoteAddress, remotePort, secure },
        documentRoot: this.root?.path ?? null,
        configured: this.#configuredFor(route),
      },
      this.names,
    );
  }

  #configuredFor(route: Run['route']): Readonly<Record<string, string>> {
    let configured = this.#configured.get(route);
    if (configured === undefined) {
      const entries = Object.entries({ ...this.site.env, ...route.env });
      configured = Object.fromEntries(entries.map(([name, value]) => [textToBytes(name), textToBytes(value)]));
      this.#configured.set(route, configured);
    }
    return configured;
  }
}

/** One request on its way. */
class Visit implements ReplyOwner, AnswerOwner {
  readonly #gateway: SiteGateway;
  readonly #first: HttpRequest;
  readonly #reply: Reply;
  readonly #startedAt: number;
  #client: Client | null = null;
  #redirects = 0;
  #body: HeldBody | null = null;
  #exchange: Exchange | null = null;
  #pool: string | null = null;
  #runFrom = 0;
  #waitedMs: number | null = null;
  #runMs: number | null = null;

  constructor(gateway: SiteGateway, request: HttpRequest, answer: HttpAnswer) {
    this.#gateway = gateway;
    this.#first = request;
    this.#startedAt = gateway.clock.now();
    this.#reply = new Reply(answer, request.headers, gateway.site, gateway.clock, this);
    gateway.active += 1;
  }

  start(): void {
    try {
      this.#client = identifyClient(this.#first, this.#gateway.proxies);
      this.#take(this.#first, this.#client);
    } catch (error) {
      this.#reply.fail(toPosternError(error));
    }
  }

  /** Takes a request: the client's own, or the one that a local redirect made. */
  #take(request: HttpRequest, client: Client): void {
    if (request.target === '*' && request.method === 'OPTIONS') {
      this.#reply.answer(204, []);
      return;
    }
    const target = checkRequest(request);
    const decision = decide(this.#gateway.routing, target);
    switch (decision.kind) {
      case 'run':
        this.#prepare(request, client, target, decision);
        break;
      case 'file':
        void sendFile(this.#reply, request, decision.entry);
        break;
      case 'redirect':
        this.#redirect(request, decision.location);
        break;
      case 'refuse':
        this.#reply.fail(new PosternError(decision.code, `${urlForLog(request.target)}: ${decision.why}`));
    }
  }

  #redirect({ method }: HttpRequest, location: string): void {
    // 308 keeps the method and the body; 301 is what every client knows.
    const status = method === 'GET' || method === 'HEAD' ? 301 : 308;
    this.#reply.answer(status, ['Location', location, 'Content-Length', '0']);
  }

  /** Gets the body ready, then runs. */
  #prepare(request: HttpRequest, client: Client, target: RequestPath, run: Run): void {
    if (request.body === null) {
      this.#run(request, client, target, run, null);
      return;
    }
    const { site, clock } = this.#gateway;
    checkBodyLength(request, site);
    if (run.route.streamUploads) {
      this.#run(request, client, target, run, streamBody(request.body, request.contentLength, site, clock));
      return;
    }
    collectBody(request.body, request.contentLength, site, clock).then(
      (body) => this.#run(request, client, target, run, body),
      (error: unknown) => this.#reply.fail(toPosternError(error)),
    );
  }

  #run(request: HttpRequest, client: Client, target: RequestPath, run: Run, body: HeldBody | null): void {
    if (this.#reply.isOver) {
      body?.close();
      return;
    }
    const gateway = this.#gateway;
    const { backend } = run.route;
    const contentLength = body === null ? request.contentLength : body.length;
    const environment = gateway.environmentFor(request, client, target, run, contentLength);
    const { method, target: url } = request;
    const stderr = new StderrLog(gateway.log, { pool: backend.name, method, url: urlForLog(url) }, gateway.stderrRate);
    const answer = new ProgramAnswer(this.#reply, this, stderr, gateway.site.sendfile.length > 0);
    this.#body = body;
    this.#pool = backend.name;
    this.#runFrom = gateway.clock.now();
    const exchange = backend.run(
      { role: 'responder', environment, body, data: null, method, url, idempotent: isIdempotent(method) },
      answer,
    );
    // A refusal, or a very quick program, has ended it before run() returned; another may run already.
    if (answer.hasEnded) return;
    this.#exchange = exchange;
    this.#reply.onResume = () => exchange.resume();
    this.#reply.onStop = () => exchange.abort();
  }

  onProgramEnd(): void {
    const { clock } = this.#gateway;
    this.#waitedMs = this.#exchange?.waitedMs ?? this.#waitedMs;
    this.#runMs = clock.now() - this.#runFrom - (this.#waitedMs ?? 0);
    this.#release();
  }

  onLocalRedirect(location: string): void {
    this.#redirects += 1;
    try {
      if (this.#redirects > MAX_LOCAL_REDIRECTS) {
        throw new PosternError('LOCAL_REDIRECT_LOOP', `more than ${MAX_LOCAL_REDIRECTS} redirects inside the server`);
      }
      this.#take(redirected(this.#first, location), this.#client!);
    } catch (error) {
      this.#reply.fail(toPosternError(error));
    }
  }

  onSendfile(name: Parameters<typeof findSendfile>[0], headers: readonly string[]): void {
    try {
      void sendFile(this.#reply, this.#first, findSendfile(name, this.#gateway.site.sendfile), headers);
    } catch (error) {
      this.#reply.fail(toPosternError(error));
    }
  }

  onOver(outcome: Outcome, error: PosternError | null): void {
    this.#release();
    this.#gateway.active -= 1;
    if (error !== null && (error.status >= 500 || outcome === 'aborted')) this.#logError(error);
    if (this.#gateway.accessLog !== null) this.#logAccess(this.#gateway.accessLog, outcome, error);
  }

  #release(): void {
    this.#body?.close();
    this.#body = null;
    this.#exchange = null;
    this.#reply.onResume = null;
    this.#reply.onStop = null;
  }

  #logError(error: PosternError): void {
    const { log, errorRate } = this.#gateway;
    if (!errorRate.take()) return;
    const dropped = errorRate.takeDropped();
    const { method, target } = this.#first;
    const fields = { ...error.fields, code: error.code, method, url: urlForLog(target), pool: this.#pool };
    log.error(dropped === 0 ? fields : { ...fields, droppedRecords: dropped }, error.message);
  }

  #logAccess(accessLog: AccessLog, outcome: Outcome, error: PosternError | null): void {
    const { method, target, version, headers, peer } = this.#first;
    const { status, bytes } = this.#reply;
    accessLog({
      site: this.#gateway.site.name,
      method: bytesToLog(method, 32),
      url: urlForLog(target),
      version,
      host: bytesToLog(fieldValue(headers, 'host') ?? '', 255),
      remoteAddress: this.#client?.remoteAddress ?? peer.remoteAddress,
      status: status === 0 ? 499 : status,
      bytes,
      durationMs: this.#gateway.clock.now() - this.#startedAt,
      waitedMs: this.#waitedMs,
      runMs: this.#runMs,
      pool: this.#pool,
      outcome,
      error: error?.code ?? null,
    });
  }
}

/** What holds for every request, whichever front it came through. @throws BAD_REQUEST, HEADERS_TOO_LARGE, URI_TOO_LONG, METHOD_* */
function checkRequest({ method, target, headers }: HttpRequest): RequestPath {
  if (target.length > MAX_TARGET_BYTES) {
    throw new PosternError(
      'URI_TOO_LONG',
      `the request target has ${target.length} bytes, more than ${MAX_TARGET_BYTES}`,
    );
  }
  if (headers.length > 2 * MAX_FIELDS || fieldsBytes(headers) > MAX_FIELD_BYTES) {
    throw new PosternError(
      'HEADERS_TOO_LARGE',
      `the request has more than ${MAX_FIELDS} fields or ${MAX_FIELD_BYTES} bytes of them`,
    );
  }
  if (method === 'CONNECT') throw new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  // TRACE would send back credentials that a browser hides from scripts.
  if (method === 'TRACE') throw new PosternError('METHOD_NOT_ALLOWED', 'TRACE is not answered');
  return parseTarget(target);
}

/** Fields that belong to the body, or to the resource, of the request that was redirected. */
const NOT_REDIRECTED = /^(?:content-|transfer-encoding$|expect$|range$|if-)/i;

/** The request that a local redirect makes of the client's: a GET, without its body and what goes with that. */
function redirected(request: HttpRequest, target: string): HttpRequest {
  const headers: string[] = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    if (!NOT_REDIRECTED.test(request.headers[i]!)) headers.push(request.headers[i]!, request.headers[i + 1]!);
  }
  return { ...request, method: 'GET', target, headers, body: null, contentLength: null };
}
