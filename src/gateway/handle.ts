// The gateway: an HTTP request comes in from a front, what answers it is decided, and a backend, a file or an error answers. Start reading here.
//
//   front -> Gateway.handle -> Visit: client -> route, script -> body -> environment -> Backend.run
//   front <- Reply <- ProgramAnswer (program), sendFile (file), errorAnswer (error)

import { AddressList } from '../address-list.ts';
import { type Clock, systemClock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { clientPairs, environmentPairs, isPairs, scriptPairs } from '../protocol/cgi/environment.ts';
import type { Environment, Pairs } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-variables.ts';
import { environmentOf } from '../protocol/fastcgi/name-value-reader.ts';
import { fieldsBytes } from '../protocol/http/headers.ts';
import { parseTarget, type RequestPath } from '../protocol/http/path.ts';
import { bytesToLog, textToBytes } from '../protocol/text.ts';
import { AnswerSpools } from './answer-spool.ts';
import { BodyMemory } from './body-memory.ts';
import { CompressedFiles } from './compressed-file.ts';
import { Compression } from './compression.ts';
import { KnownDecisions, KnownTargets } from './known-requests.ts';
import type { HttpHandler, HttpRequest, WebServerRequest } from './message.ts';
import { RecordRate } from './record-rate.ts';
import type { BodyLimits } from './request-body.ts';
import { type Client, identifyClient } from './request-client.ts';
import type { AccessLog, CountAnswer } from './request-log.ts';
import { RequestIds } from './request-log.ts';
import { compileRouting, type Routing } from './routing.ts';
import type { Decision, Run } from './script.ts';
import type { SharedLimits } from './shared-limits.ts';
import type { BackendRoute, Site } from './site.ts';
import { asksAnything, checkClientCertificate, otherOrigin } from './site-door.ts';
import { type RuledDecision, SiteGates } from './site-gates.ts';
import { SpoolBlocks } from './spool-blocks.ts';
import { StaticFiles } from './static-file.ts';
import { TraceMaker, type Traces } from './trace.ts';
import { triedFor } from './tried-places.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { type TimeLimits, Visit, type VisitOwner } from './visit.ts';
import { decideForWebServer, foreignNames, passedOn } from './web-server.ts';

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly site: Site;
  /** Errors of programs and their STDERR. @default nothing is logged */
  readonly log?: Log;
  /** Told of each request when it is over. @default null */
  readonly accessLog?: AccessLog | null;
  /** Told of each request, too, with what is counted. @default null */
  readonly count?: CountAnswer | null;
  /** Shared with other sites. @default no limit */
  readonly bodyMemory?: BodyMemory;
  /** Where requests of a client are counted for all threads. @default for this one alone */
  readonly limits?: SharedLimits | null;
  /** Who records spans. @default traces are passed on, or made where the site says so */
  readonly traces?: Traces | null;
  readonly clock?: Clock;
}

/** One site's gateway. It owns nothing that has to be closed: a new configuration is a new gateway. */
export interface Gateway {
  /** To be given to fronts. */
  readonly handle: HttpHandler;
  /** Requests that are not over. */
  readonly active: number;
  /** What a request would get and why, without running anything. @throws BAD_REQUEST and its kind */
  explain(request: HttpRequest): GatewayExplanation;
}

/** What a request would get. */
export interface GatewayExplanation {
  /** null: a rule answers. */
  readonly decision: Decision | null;
  readonly environment: Environment | null;
  /** null: the site has no rules. */
  readonly ruled: RuledDecision | null;
  /** Where nothing is there: what was tried, a sentence each. */
  readonly tried: readonly string[];
}

/** Makes the gateway of one site. @throws CONFIG_INVALID for a route or proxy that cannot be read */
export function createGateway(options: GatewayOptions): Gateway {
  return new SiteGateway(options);
}

/** What the configuration says of requests by one route. */
interface RouteSettings {
  /** Added to the environment; byte strings. null: nothing is. */
  readonly variables: Readonly<Record<string, string>> | null;
  readonly bodyLimits: BodyLimits;
  readonly timeLimits: TimeLimits | null;
}

/** What every request of a site shares. */
class SiteGateway implements Gateway, VisitOwner {
  readonly site: Site;
  readonly log: Log;
  readonly accessLog: AccessLog | null;
  readonly count: CountAnswer | null;
  readonly clock: Clock;
  readonly routing: Routing;
  readonly rules: SiteGates | null;
  readonly #decisions: KnownDecisions;
  readonly proxies: TrustedProxies;
  readonly names: HeaderNames;
  readonly #trustedPeers: AddressList;
  readonly files = new StaticFiles();
  readonly compression: Compression | null;
  readonly compressedFiles: CompressedFiles | null;
  readonly spoolBlocks = new SpoolBlocks();
  readonly answerSpools: AnswerSpools;
  readonly bodyMemory: BodyMemory;
  readonly bodyLimits: BodyLimits;
  readonly ids = new RequestIds();
  readonly targets = new KnownTargets();
  readonly traces: Traces | null;
  readonly stderrRate: RecordRate;
  readonly errorRate: RecordRate;
  /** What the configuration says of requests by a route. */
  readonly #settings = new Map<object, RouteSettings>();
  /** Those that were asked for last. */
  #lastRoute: BackendRoute | null = null;
  #lastSettings: RouteSettings | null = null;
  readonly #asksAtDoor: boolean;
  active = 0;

  constructor(options: GatewayOptions) {
    const { site, log = silentLog, accessLog = null, count = null, bodyMemory, clock = systemClock } = options;
    this.bodyMemory = bodyMemory ?? new BodyMemory(0);
    this.site = site;
    this.bodyLimits = { ...site, maxBodyBytes: site.maxBodyBytes === 0 ? Number.POSITIVE_INFINITY : site.maxBodyBytes };
    this.#asksAtDoor = asksAnything(site);
    this.log = log;
    this.compression = site.compress === null ? null : new Compression(site.compress);
    this.compressedFiles = this.compression === null ? null : new CompressedFiles(this.files, this.compression);
    this.accessLog = accessLog;
    this.count = count;
    this.traces = options.traces ?? (site.makesTraces === true ? new TraceMaker() : null);
    this.clock = clock;
    this.routing = compileRouting(site, clock);
    const gates = { clock, log, site: site.name, limits: options.limits ?? null };
    this.rules = site.rules.length === 0 ? null : new SiteGates(site.rules, this.routing, gates);
    this.#decisions = new KnownDecisions(this.routing, clock);
    this.proxies = new TrustedProxies(site);
    this.#trustedPeers = new AddressList(site.trustedPeers, 'trustedPeers');
    this.names = new HeaderNames((name) => {
      log.info(
        { site: site.name, header: bytesToLog(name, 128) },
        'a request header was dropped: its name is not [A-Za-z0-9-]',
      );
    });
    this.stderrRate = new RecordRate(clock);
    this.errorRate = new RecordRate(clock);
    this.answerSpools = new AnswerSpools(site, (error, folder) => {
      if (!this.errorRate.take()) return;
      log.warn(
        { site: site.name, code: (error as NodeJS.ErrnoException).code },
        `the answer for a slow client could not be kept in ${folder}, so its program waits: ${String(error)}`,
      );
    });
  }

  readonly handle: HttpHandler = (request, answer) => {
    this.active += 1;
    new Visit(this, request, answer).start();
  };

  onOver(): void {
    this.active -= 1;
  }

  explain(request: HttpRequest): GatewayExplanation {
    const client = identifyClient(request, this.proxies);
    const elsewhere = otherOrigin(this.site, request, client);
    if (elsewhere !== null)
      return { decision: { kind: 'redirect', location: elsewhere }, environment: null, ruled: null, tried: [] };
    checkRequest(request);
    const ruled = this.rules?.decide(request, client, parseTarget(request.target)) ?? null;
    const { target, decision } =
      ruled === null ? this.decide(request) : { target: ruled.ruling.target, decision: ruled.decision };
    const tried = decision?.kind === 'refuse' ? triedFor(this.site, target) : [];
    if (decision?.kind !== 'run') return { decision, environment: null, ruled, tried };
    const pairs = this.environmentFor(request, client, target, decision, request.contentLength);
    return { decision, environment: isPairs(pairs) ? environmentOf(pairs) : pairs, ruled, tried };
  }

  elsewhereFor(request: HttpRequest, client: Client): string | null {
    if (!this.#asksAtDoor && request.peer.tls === undefined) return null;
    const location = otherOrigin(this.site, request, client);
    if (location === null) checkClientCertificate(this.site.clients, request.peer);
    return location;
  }

  readTarget(request: HttpRequest): RequestPath {
    checkRequest(request);
    return this.targets.read(request.target);
  }

  decide(request: HttpRequest): { target: RequestPath; decision: Decision } {
    const { webServer } = request;
    if (webServer !== undefined) {
      checkRequest(request);
      return decideForWebServer(this.routing, webServer.variables);
    }
    const target = this.readTarget(request);
    return { target, decision: this.#decisions.decide(target) };
  }

  foreignTo(webServer: WebServerRequest): readonly string[] {
    return this.#trustedPeers.has(webServer.address) ? [] : foreignNames(webServer);
  }

  environmentFor(
    request: HttpRequest,
    client: Client,
    target: RequestPath,
    run: Run,
    contentLength: number | null,
  ): Environment | Pairs {
    const { variables: configured } = this.#settingsFor(run.route);
    client.part ??= { pairs: clientPairs(client), hasHost: client.host !== null };
    // As Apache has it: that of the site, also for what stands elsewhere.
    run.pairs ??= scriptPairs(run, (this.routing.place.root ?? run.place.root)?.path ?? null);
    const pairs = environmentPairs(client.part, run.pairs, request, target, contentLength, configured, this.names);
    const { webServer } = request;
    if (webServer === undefined) return pairs;
    const isTrusted = this.#trustedPeers.has(webServer.address);
    const isBehindProxy = !this.proxies.isEmpty && this.proxies.has(request.peer.remoteAddress);
    return passedOn(webServer, environmentOf(pairs), configured ?? {}, isTrusted, isBehindProxy);
  }

  bodyLimitsFor(route: BackendRoute): BodyLimits {
    return this.#settingsFor(route).bodyLimits;
  }

  timeLimitsFor(route: BackendRoute): TimeLimits | null {
    return this.#settingsFor(route).timeLimits;
  }

  #settingsFor(route: BackendRoute): RouteSettings {
    if (route !== this.#lastRoute || this.#lastSettings === null) {
      this.#lastRoute = route;
      this.#lastSettings = this.#findSettings(route);
    }
    return this.#lastSettings;
  }

  #findSettings(route: BackendRoute): RouteSettings {
    let settings = this.#settings.get(route);
    if (settings === undefined) {
      const entries = Object.entries({ ...this.site.env, ...route.env });
      const { requestTimeoutMs, readTimeoutMs } = route;
      const maxBodyBytes = route.maxBodyBytes ?? this.site.maxBodyBytes;
      const limits: TimeLimits = {
        ...(typeof requestTimeoutMs === 'number' && { requestTimeoutMs }),
        ...(typeof readTimeoutMs === 'number' && { readTimeoutMs }),
      };
      settings = {
        variables: entries.length === 0 ? null : Object.fromEntries(entries.map((pair) => pair.map(textToBytes))),
        bodyLimits: { ...this.site, maxBodyBytes: maxBodyBytes === 0 ? Number.POSITIVE_INFINITY : maxBodyBytes },
        timeLimits: typeof requestTimeoutMs === 'number' || typeof readTimeoutMs === 'number' ? limits : null,
      };
      this.#settings.set(route, settings);
    }
    return settings;
  }
}

const MAX_FIELDS = 200;
const MAX_FIELD_BYTES = 65_536;
const MAX_TARGET_BYTES = 32_768;

/** What holds for every request, whichever front it came through. @throws HEADERS_TOO_LARGE, URI_TOO_LONG, METHOD_* */
function checkRequest({ method, target, headers, made = null }: HttpRequest): void {
  if (target.length > MAX_TARGET_BYTES) {
    throw new PosternError(
      'URI_TOO_LONG',
      `the request target has ${target.length} bytes, more than ${MAX_TARGET_BYTES}`,
    );
  }
  // Those that are known are few.
  if (made === null && (headers.length > 2 * MAX_FIELDS || fieldsBytes(headers) > MAX_FIELD_BYTES)) {
    throw new PosternError(
      'HEADERS_TOO_LARGE',
      `the request has more than ${MAX_FIELDS} fields or ${MAX_FIELD_BYTES} bytes of them`,
    );
  }
  if (method === 'CONNECT') throw new PosternError('METHOD_UNKNOWN', 'CONNECT is for proxies');
  // TRACE would send back credentials that a browser hides from scripts.
  if (method === 'TRACE') throw new PosternError('METHOD_NOT_ALLOWED', 'TRACE is not answered');
}
