// Leads one request by the rules of its site: who may ask is known first, then a rule answers, or the visit goes on; and where it fails, a page of the
// site takes the place of our own. Only sites with rules have it.

import type { AddressList } from '../address-list.ts';
import type { Clock } from '../clock.ts';
import { type ErrorCode, PosternError, toPosternError } from '../errors.ts';
import { isPairs } from '../protocol/cgi/environment.ts';
import { type CgiRequest, type Environment, isIdempotent, type Pairs } from '../protocol/cgi/exchange.ts';
import { environmentOf } from '../protocol/fastcgi/name-value-reader.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { encodePath, type RequestPath } from '../protocol/http/path.ts';
import { asksForWebSocket, forwardedFields } from '../protocol/http/proxy-fields.ts';
import { urlForLog } from '../protocol/text.ts';
import type { ProxyOptions, RefusalStatus } from '../rules/rule.ts';
import type { RuledAnswer } from '../rules/ruling.ts';
import {
  type AddedVariables,
  AuthorizerAnswer,
  authorizerEnvironment,
  type ProgramAuth,
  unauthorized,
} from './authorizer.ts';
import { credentials } from './basic-auth.ts';
import type { BodyMemory } from './body-memory.ts';
import { collectBody } from './collect-body.ts';
import { errorAnswer } from './error-page.ts';
import type { HttpAnswer, HttpRequest } from './message.ts';
import { ProxyTunnel } from './proxy-tunnel.ts';
import type { Reply } from './reply.ts';
import { type BodyLimits, checkBodyLength, type HeldBody, streamBody } from './request-body.ts';
import type { Client } from './request-client.ts';
import type { Routing } from './routing.ts';
import { RuledVisit } from './ruled-visit.ts';
import { type Decision, decide, type Run } from './script.ts';
import { ShapedAnswer } from './shaped-answer.ts';
import type { BackendRoute, Site } from './site.ts';
import type { SiteGates } from './site-gates.ts';
import type { SpoolBlocks } from './spool-blocks.ts';
import { noFields, type RequestTrace, traceVariables, withTraceFields } from './trace.ts';

/** What the visits of a site share, as far as rules need it. */
export interface GuideOwner {
  readonly routing: Routing;
  readonly proxies: AddressList;
  readonly spoolBlocks: SpoolBlocks;
  readonly bodyMemory: BodyMemory;
  readonly clock: Clock;
  /** What a body may take that goes to no backend by a route. */
  readonly bodyLimits: BodyLimits;
  readonly site: Pick<Site, 'authorizers'>;
  environmentFor(
    request: HttpRequest,
    client: Client,
    target: RequestPath,
    run: Run,
    contentLength: number | null,
  ): Environment | Pairs;
}

/** The visit that is led. */
export interface GuidedVisit {
  readonly reply: Reply;
  /** Answers as the routes say. */
  answer(request: HttpRequest, client: Client, target: RequestPath, decision: Decision): void;
  /** A page of the site is shown for an error. */
  showPage(target: RequestPath, decision: Decision): void;
  /** A server elsewhere, or a pool that decides who may, is asked; for the log. */
  asks(server: string): void;
  /** null: traces are only passed on. */
  readonly trace: RequestTrace | null;
  onStderr(chunk: Uint8Array): void;
}

/** What a rule answers with. */
const refusalCodes: Readonly<Record<RefusalStatus, ErrorCode>> = {
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  410: 'GONE',
  503: 'UNAVAILABLE',
};

/** What an error's answer tells besides its page. */
const errorFields = /^(?:Retry-After|Allow|WWW-Authenticate|Cache-Control)$/;

/** One request. */
export class RuleGuide {
  readonly shaped: ShapedAnswer;
  readonly #rules: SiteGates;
  readonly #owner: GuideOwner;
  readonly #visit: GuidedVisit;
  readonly #first: HttpRequest;
  #ruled: RuledVisit | null = null;
  /** What a page of the site is shown for. */
  #replaced: PosternError | null = null;
  #variables: Readonly<Record<string, string>> = {};

  constructor(rules: SiteGates, owner: GuideOwner, visit: GuidedVisit, first: HttpRequest, answer: HttpAnswer) {
    this.#rules = rules;
    this.#owner = owner;
    this.#visit = visit;
    this.#first = first;
    this.shaped = new ShapedAnswer(answer, owner.clock);
  }

  /** CGI variables that the rules made; byte strings. */
  get variables(): Readonly<Record<string, string>> {
    return this.#ruled === null ? this.#variables : { ...this.#ruled.variables, ...this.#variables };
  }

  /** The error in whose place a page was shown; null: none was. */
  get replaced(): PosternError | null {
    return this.#replaced;
  }

  /** Takes a request: the client's own, or the one that a local redirect made. @throws BAD_REQUEST and what refuses it */
  take(request: HttpRequest, client: Client, target: RequestPath): void {
    this.#ruled?.end();
    const ruled = new RuledVisit(this.#rules, request, client, target);
    this.#ruled = ruled;
    this.shaped.use(ruled.headerRules);
    const passing = ruled.pass((auth) => this.#authorize(auth, request, client, target));
    if (passing === null) {
      this.#answer(request, client, ruled);
      return;
    }
    passing
      .then(() => {
        if (!this.#visit.reply.isOver) this.#answer(request, client, ruled);
      })
      .catch((error: unknown) => this.#visit.reply.fail(toPosternError(error)));
  }

  /** Begins to answer an error with a page of the site. @returns whether there is one */
  replaces(error: PosternError): boolean {
    const page = this.#replaced === null ? (this.#ruled?.errorPage(error.status) ?? null) : null;
    if (page === null) return false;
    this.#replaced = error;
    const target: RequestPath = { path: page, query: '', nameLength: page.length };
    const decision = decide(this.#owner.routing, target);
    if (decision.kind !== 'file' && decision.kind !== 'run') return false;
    const { headers } = errorAnswer(error, this.#first.headers);
    this.shaped.isPageOf(
      error.status,
      headers.filter((_, i) => errorFields.test(headers[i - (i % 2)]!)),
    );
    // As Apache tells its ErrorDocument.
    this.#variables = { REDIRECT_STATUS: String(error.status), REDIRECT_URL: this.#first.target };
    this.#visit.showPage(target, decision);
    return true;
  }

  /** The request is over. Repeatable. */
  end(): void {
    this.#ruled?.end();
  }

  #answer(request: HttpRequest, client: Client, { decided: { ruling, decision } }: RuledVisit): void {
    if (decision !== null) this.#visit.answer(request, client, ruling.target, decision);
    else if (ruling.answer !== null) this.#answerByRule(request, client, ruling.target, ruling.answer);
  }

  #answerByRule(request: HttpRequest, client: Client, target: RequestPath, answer: RuledAnswer): void {
    const { reply } = this.#visit;
    switch (answer.kind) {
      case 'redirect':
        reply.answer(answer.status, ['Location', answer.location, 'Content-Length', '0']);
        break;
      case 'refuse': {
        const why = `${urlForLog(request.target)}: a rule answers ${answer.status}`;
        reply.fail(new PosternError(refusalCodes[answer.status], why));
        break;
      }
      case 'proxy':
        this.#proxy(request, client, target, answer.proxy);
    }
  }

  // Programs that decide who may.

  async #authorize(
    auth: ProgramAuth,
    request: HttpRequest,
    client: Client,
    target: RequestPath,
  ): Promise<AddedVariables> {
    const who = auth.role === 'authenticator' ? credentials(request.headers) : null;
    if (auth.role === 'authenticator' && who === null) throw unauthorized(auth.realm, 'no user and password came');
    const { site, routing } = this.#owner;
    const backend = site.authorizers[auth.pool]!;
    const route: BackendRoute = { match: '/*', kind: 'mount', backend, streamUploads: false, env: {} };
    const run: Run = {
      kind: 'run',
      route,
      scriptName: '',
      pathInfo: target.path,
      scriptFile: null,
      place: routing.place,
    };
    const of = this.#owner.environmentFor(request, client, target, run, null);
    const known = withVariables(of, this.#ruled?.variables ?? {});
    const traced = traceVariables(this.#visit.trace?.begins(backend.name) ?? noFields);
    const variables = { ...(isPairs(known) ? environmentOf(known) : known), ...traced };
    const environment = authorizerEnvironment(variables, auth.role, who);
    const { reply } = this.#visit;
    const answer = new AuthorizerAnswer(reply, auth, (chunk) => this.#visit.onStderr(chunk));
    this.#visit.asks(backend.name);
    const url = urlForLog(request.target);
    const asked: CgiRequest = {
      ...{ role: 'authorizer', environment, body: null, data: null },
      ...{ method: request.method, url, idempotent: true },
    };
    answer.begins(backend.run(asked, answer));
    const added = await answer.decided;
    return who === null ? added : { AUTH_TYPE: 'Basic', REMOTE_USER: who.user, ...added };
  }

  // A server elsewhere.

  #proxy(request: HttpRequest, client: Client, target: RequestPath, proxy: ProxyOptions): void {
    this.#visit.asks(proxy.url);
    if (request.body === null) {
      this.#forward(request, client, target, proxy, null);
      return;
    }
    const { bodyLimits, spoolBlocks, bodyMemory, clock } = this.#owner;
    checkBodyLength(request, bodyLimits);
    if (proxy.streamUploads) {
      const body = streamBody(request.body, request.contentLength, bodyLimits, clock);
      this.#forward(request, client, target, proxy, body);
      return;
    }
    collectBody(request.body, request.contentLength, bodyLimits, spoolBlocks, clock, bodyMemory)
      .then((body) => this.#forward(request, client, target, proxy, body))
      .catch((error: unknown) => this.#visit.reply.fail(toPosternError(error)));
  }

  #forward(
    request: HttpRequest,
    client: Client,
    { path, query }: RequestPath,
    proxy: ProxyOptions,
    body: HeldBody | null,
  ): void {
    const { reply, trace } = this.#visit;
    if (reply.isOver) {
      body?.close();
      return;
    }
    const { method, peer } = request;
    const headers = trace === null ? request.headers : withTraceFields(request.headers, trace.begins(proxy.url));
    const isRewritten = this.#ruled?.decided.ruling.taken.some(({ rule }) => changesPath.has(rule.act?.kind ?? ''));
    const target = isRewritten === true ? encodePath(path) + (query === '' ? '' : `?${query}`) : request.target;
    const host = fieldValue(headers, 'host') ?? client.serverName;
    const isTrusted = !this.#owner.proxies.isEmpty && this.#owner.proxies.has(peer.remoteAddress);
    const told = client.host ?? host;
    const scheme = client.secure ? 'https' : 'http';
    const fields = forwardedFields(
      headers,
      { peer: peer.remoteAddress, isTrusted, scheme, host: told },
      proxy.host ?? told,
    );
    if (body === null && asksForWebSocket(method, headers)) {
      const tunnel = new ProxyTunnel(proxy, reply, this.shaped, this.#owner.clock);
      tunnel.begin({ target, headers: fields });
      return;
    }
    const idempotent = isIdempotent(method);
    this.#rules.proxyOf(proxy).forward(reply, { method, target, headers: fields, body, idempotent });
  }
}

const changesPath = new Set(['rewrite', 'try']);

/** An environment, or its pairs, with more variables, which win. */
export function withVariables(
  environment: Environment | Pairs,
  more: Readonly<Record<string, string>>,
): Environment | Pairs {
  let isNone = true;
  for (const _name in more) isNone = false;
  if (isNone) return environment;
  return { ...(isPairs(environment) ? environmentOf(environment) : environment), ...more };
}
