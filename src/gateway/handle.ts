// The gateway: an HTTP request comes in from a front, what answers it is decided, and a backend, a file or an error answers. Start reading here.
//
//   front -> Gateway.handle -> Visit: client -> route, script -> body -> environment -> Backend.run
//   front <- Reply <- ProgramAnswer (program), sendFile (file), errorAnswer (error)

import { AddressList } from '../address-list.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type Log, silentLog } from '../log.ts';
import { makeEnvironment } from '../protocol/cgi/environment.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-names.ts';
import type { RequestPath } from '../protocol/http/path.ts';
import { bytesToLog, textToBytes } from '../protocol/text.ts';
import { DocumentRoot } from './document-root.ts';
import type { HttpHandler, HttpRequest } from './message.ts';
import { type Client, checkRequest, identifyClient } from './request-check.ts';
import type { AccessLog } from './request-log.ts';
import { RecordRate } from './request-log.ts';
import { compileRoutes, type Decision, decide, type Routing, type Run } from './script.ts';
import type { Site } from './site.ts';
import { SpoolBlocks } from './spool-blocks.ts';
import { StaticFiles } from './static-file.ts';
import { Visit, type VisitOwner } from './visit.ts';

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

/** Makes the gateway of one site. @throws CONFIG_INVALID for a route or proxy that cannot be read */
export function createGateway(options: GatewayOptions): Gateway {
  return new SiteGateway(options);
}

/** What every request of a site shares. */
class SiteGateway implements Gateway, VisitOwner {
  readonly site: Site;
  readonly log: Log;
  readonly accessLog: AccessLog | null;
  readonly clock: Clock;
  readonly routing: Routing;
  readonly root: DocumentRoot | null;
  readonly proxies: AddressList;
  readonly names: HeaderNames;
  readonly files = new StaticFiles();
  readonly spoolBlocks = new SpoolBlocks();
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
    this.proxies = new AddressList(site.trustedProxies, 'trustedProxies');
    this.names = new HeaderNames((name) => {
      log.info(
        { site: site.name, header: bytesToLog(name, 128) },
        'a request header was dropped: its name is not [A-Za-z0-9-]',
      );
    });
    this.stderrRate = new RecordRate(clock);
    this.errorRate = new RecordRate(clock);
  }

  readonly handle: HttpHandler = (request, answer) => {
    this.active += 1;
    new Visit(this, request, answer).start();
  };

  onOver(): void {
    this.active -= 1;
  }

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
