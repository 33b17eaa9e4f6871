// One request's way through the gateway: what answers it, its body, the program that runs, and how all of it ended.

import { type Clock, renewTurn } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { isPairs } from '../protocol/cgi/environment.ts';
import type { CgiRequest, Environment, Exchange, Pairs } from '../protocol/cgi/exchange.ts';
import { isIdempotent } from '../protocol/cgi/exchange.ts';
import { environmentOf } from '../protocol/fastcgi/name-value-reader.ts';
import type { RequestPath } from '../protocol/http/path.ts';
import { urlForLog } from '../protocol/text.ts';
import type { AnswerSpools } from './answer-spool.ts';
import type { BodyMemory } from './body-memory.ts';
import { collectBody } from './collect-body.ts';
import { CompressedAnswer } from './compressed-answer.ts';
import type { CompressedFiles } from './compressed-file.ts';
import type { Compression } from './compression.ts';
import { sendLastWords, sendListing } from './developer-pages.ts';
import { fileRequest } from './file-answer.ts';
import { recogniseClient } from './known-requests.ts';
import { localTarget, MAX_LOCAL_REDIRECTS, redirected } from './local-redirect.ts';
import type { HttpAnswer, HttpRequest, WebServerRequest } from './message.ts';
import { type AnswerOwner, type Outcome, ProgramAnswer, Reply, type ReplyOwner } from './reply.ts';
import { type BodyLimits, checkBodyLength, type HeldBody, streamBody } from './request-body.ts';
import { type Client, isThisMachine } from './request-client.ts';
import { type LogOwner, VisitLog } from './request-log.ts';
import type { Routing } from './routing.ts';
import { type GuidedVisit, type GuideOwner, RuleGuide, withVariables } from './rule-guide.ts';
import { type Decision, decide, type Run } from './script.ts';
import { findSendfile } from './sendfile.ts';
import type { FileName } from './server-fields.ts';
import type { BackendRoute, Site } from './site.ts';
import type { SiteGates } from './site-gates.ts';
import { checkPageClient, sendPage } from './site-pages.ts';
import type { SpoolBlocks } from './spool-blocks.ts';
import type { StaticFiles } from './static-file.ts';
import { noFields, type RequestTrace } from './trace.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What the visits of a gateway share. */
export interface VisitOwner extends LogOwner, GuideOwner {
  readonly site: Site;
  readonly routing: Routing;
  /** null: the site has none. */
  readonly rules: SiteGates | null;
  readonly proxies: TrustedProxies;
  readonly files: StaticFiles;
  /** null: the site does not compress. */
  readonly compression: Compression | null;
  readonly compressedFiles: CompressedFiles | null;
  readonly spoolBlocks: SpoolBlocks;
  readonly answerSpools: AnswerSpools;
  readonly bodyMemory: BodyMemory;
  readonly clock: Clock;
  /** Where a request belongs, if not here; null: here. @throws CLIENT_CERTIFICATE_NEEDED, MISDIRECTED */
  elsewhereFor(request: HttpRequest, client: Client): string | null;
  /** Its target, where what holds for every request does. @throws BAD_REQUEST and its kind */
  readTarget(request: HttpRequest): RequestPath;
  /** What answers a request. @throws BAD_REQUEST and its kind */
  decide(request: HttpRequest): { readonly target: RequestPath; readonly decision: Decision };
  /** Names of variables that a web server in front made up, and that are not to become the environment of a process. */
  foreignTo(webServer: WebServerRequest): readonly string[];
  /** By name, or as FastCGI's pairs. @param contentLength exact length of the body; null where there is none or it is not known */
  environmentFor(
    request: HttpRequest,
    client: Client,
    target: RequestPath,
    run: Run,
    contentLength: number | null,
  ): Environment | Pairs;
  /** What a body may take that goes to a backend by that route. */
  bodyLimitsFor(route: BackendRoute): BodyLimits;
  /** How long a request by that route may take; null: it does not say. */
  timeLimitsFor(route: BackendRoute): TimeLimits | null;
  /** A visit is over. */
  onOver(): void;
}

/** See CgiRequest. */
export type TimeLimits = Pick<CgiRequest, 'requestTimeoutMs' | 'readTimeoutMs'>;

/** Characters of STDERR that a developer is shown. */
const MAX_LAST_WORDS = 4_096;
const none: readonly string[] = [];

/** One request on its way. */
export class Visit implements ReplyOwner, AnswerOwner, GuidedVisit {
  readonly #gateway: VisitOwner;
  readonly #first: HttpRequest;
  readonly reply: Reply;
  readonly #log: VisitLog;
  #client: Client | null = null;
  #redirects = 0;
  #body: HeldBody | null = null;
  #exchange: Exchange | null = null;
  /** The end of STDERR, where somebody may be shown it. */
  #lastWords = '';
  /** null: the site has no rules. */
  readonly #guide: RuleGuide | null;

  constructor(gateway: VisitOwner, request: HttpRequest, answer: HttpAnswer) {
    this.#gateway = gateway;
    this.#first = request;
    this.#log = new VisitLog(gateway, request);
    const { compression, rules } = gateway;
    const sent = compression === null ? answer : new CompressedAnswer(answer, compression, request);
    this.#guide = rules === null ? null : new RuleGuide(rules, gateway, this, request, sent);
    this.reply = new Reply(this.#guide?.shaped ?? sent, request.headers, gateway, this);
  }

  start(): void {
    try {
      const client = recogniseClient(this.#first, this.#gateway.proxies);
      this.#client = client;
      const elsewhere = this.#gateway.elsewhereFor(this.#first, client);
      if (elsewhere === null) this.#take(this.#first, client);
      else this.#redirect(this.#first, elsewhere);
    } catch (error) {
      this.reply.fail(toPosternError(error));
    }
  }

  /** Takes a request: the client's own, or the one that a local redirect made. */
  #take(request: HttpRequest, client: Client): void {
    if (request.target === '*' && request.method === 'OPTIONS' && request.webServer === undefined) {
      this.reply.answer(204, []);
      return;
    }
    if (this.#guide !== null && request.webServer === undefined) {
      this.#guide.take(request, client, this.#gateway.readTarget(request));
      return;
    }
    const { target, decision } = this.#gateway.decide(request);
    this.answer(request, client, target, decision);
  }

  /** See ReplyOwner. */
  replaces(error: PosternError): boolean {
    return this.#guide?.replaces(error) ?? false;
  }

  /** See GuidedVisit. Whatever the client sent with its request was for something else. */
  showPage(target: RequestPath, decision: Decision): void {
    const { target: asked, method } = this.#first;
    const page: HttpRequest = { ...redirected(this.#first, asked), method: method === 'HEAD' ? 'HEAD' : 'GET' };
    this.answer(page, this.#client!, target, decision);
  }

  /** See GuidedVisit. */
  get trace(): RequestTrace | null {
    return this.#log.trace;
  }

  /** See GuidedVisit. */
  asks(server: string): void {
    this.#log.programStarts(server);
  }

  answer(request: HttpRequest, client: Client, target: RequestPath, decision: Decision): void {
    switch (decision.kind) {
      case 'run':
        this.#prepare(request, client, target, decision);
        break;
      case 'file':
        (this.#gateway.compressedFiles ?? this.#gateway.files).send(this.reply, request, decision.entry);
        break;
      case 'redirect':
        this.#redirect(request, decision.location);
        break;
      case 'page':
        checkPageClient(decision.page, request, client);
        if (decision.run !== null) this.#prepare(request, client, target, decision.run);
        else if (decision.page.page.kind === 'answer') sendPage(this.reply, decision.page.page, target.query);
        break;
      case 'listing':
        sendListing(this.reply, request, client, this.#gateway, decision);
        break;
      case 'refuse':
        this.reply.fail(
          new PosternError(decision.code, `${urlForLog(request.target)}: ${decision.why}`, {
            isHint: decision.isHint ?? false,
          }),
        );
    }
  }

  #redirect({ method }: HttpRequest, location: string): void {
    // 308 keeps the method and the body; 301 is what every client knows.
    const status = method === 'GET' || method === 'HEAD' ? 301 : 308;
    this.reply.answer(status, ['Location', location, 'Content-Length', '0']);
  }

  /** Gets the body ready, then runs. */
  #prepare(request: HttpRequest, client: Client, target: RequestPath, run: Run): void {
    if (request.body === null) {
      this.#run(request, client, target, run, null);
      return;
    }
    const { spoolBlocks, bodyMemory, clock } = this.#gateway;
    const limits = this.#gateway.bodyLimitsFor(run.route);
    checkBodyLength(request, limits);
    if (run.route.streamUploads) {
      this.#run(request, client, target, run, streamBody(request.body, request.contentLength, limits, clock));
      return;
    }
    collectBody(request.body, request.contentLength, limits, spoolBlocks, clock, bodyMemory)
      .then((body) => this.#run(request, client, target, run, body))
      .catch((error: unknown) => this.reply.fail(toPosternError(error)));
  }

  #run(request: HttpRequest, client: Client, target: RequestPath, found: Run, body: HeldBody | null): void {
    if (this.reply.isOver) {
      body?.close();
      return;
    }
    this.#body = body;
    const gateway = this.#gateway;
    const { backend } = found.route;
    const contentLength = body === null ? request.contentLength : body.length;
    const known = gateway.environmentFor(request, client, target, found, contentLength);
    const ruled = this.#guide?.variables ?? noFields;
    const traced = this.#log.traceBegins(backend.name);
    const environment =
      ruled === noFields && traced === noFields ? known : withVariables(known, { ...ruled, ...traced });
    const { method } = request;
    const url = request === this.#first ? this.#log.url : urlForLog(request.target);
    const answer = new ProgramAnswer(this.reply, this);
    this.#log.programStarts(backend.name, environment, found.route.match);
    const { webServer } = request;
    const foreign = webServer === undefined ? none : gateway.foreignTo(webServer);
    const limits = gateway.timeLimitsFor(found.route);
    const exchange = backend.run(new ProgramRequest(environment, body, method, url, foreign, limits), answer);
    // A refusal, or a very quick program, has ended it before run() returned; another may run already.
    if (answer.hasEnded) return;
    this.#exchange = exchange;
    this.reply.producer = exchange;
  }

  onHead(headers: readonly string[]): void {
    this.#log.programAnswers(headers);
  }

  onLostLines(lost: readonly string[]): void {
    this.#log.lostLines(lost);
  }

  onStderr(chunk: Uint8Array): void {
    this.#log.stderr(chunk, this.#exchange?.pid ?? 0);
    if (this.#gateway.site.isDeveloped) this.#lastWords = (this.#lastWords + Buffer.from(chunk)).slice(-MAX_LAST_WORDS);
  }

  isForDeveloper(status: number): boolean {
    if (status < 500 || !this.#gateway.site.isDeveloped) return false;
    return isThisMachine(this.#client!.remoteAddress) && isThisMachine(this.#first.peer.remoteAddress);
  }

  onEmpty(status: number): void {
    sendLastWords(this.reply, status, this.#lastWords, this.#first.headers);
  }

  onProgramEnd(): void {
    this.#log.programEnds(this.#exchange ?? undefined);
    this.#release();
  }

  onLocalRedirect(location: string): void {
    this.#redirects += 1;
    try {
      if (this.#redirects > MAX_LOCAL_REDIRECTS) {
        throw new PosternError('LOCAL_REDIRECT_LOOP', `more than ${MAX_LOCAL_REDIRECTS} redirects inside the server`);
      }
      const target = localTarget(location);
      if (this.#guide !== null && this.#first.webServer === undefined) {
        this.#guide.take(redirected(this.#first, location), this.#client!, target);
        return;
      }
      const decision = decide(this.#gateway.routing, target);
      this.answer(redirected(this.#first, location), this.#client!, target, decision);
    } catch (error) {
      this.reply.fail(toPosternError(error));
    }
  }

  onSendfile(name: FileName, headers: readonly string[]): void {
    try {
      const entry = findSendfile(name, this.#gateway.site.sendfile);
      this.#gateway.files.send(this.reply, fileRequest(this.#first), entry, headers);
    } catch (error) {
      this.reply.fail(toPosternError(error));
    }
  }

  onOver(outcome: Outcome, error: PosternError | null): void {
    renewTurn();
    this.#release();
    this.#gateway.onOver();
    this.#guide?.end();
    const status = this.#guide?.shaped.forcedStatus ?? this.reply.status;
    const answered = this.#guide === null ? this.reply : { status, bytes: this.reply.bytes };
    this.#log.over(outcome, error ?? this.#guide?.replaced ?? null, this.#client, answered);
  }

  #release(): void {
    this.#body?.close();
    this.#body = null;
    this.#exchange = null;
    this.reply.producer = null;
  }
}

/** What is asked of a program. */
class ProgramRequest implements CgiRequest {
  readonly role = 'responder';
  readonly data = null;
  readonly pairs: Pairs | undefined;
  readonly body: HeldBody | null;
  readonly method: string;
  readonly url: string;
  readonly foreign: readonly string[];
  readonly requestTimeoutMs: number | undefined;
  readonly readTimeoutMs: number | undefined;
  #environment: Environment | null;

  constructor(
    environment: Environment | Pairs,
    body: HeldBody | null,
    method: string,
    url: string,
    foreign: readonly string[],
    limits: TimeLimits | null,
  ) {
    const pairs = isPairs(environment) ? environment : undefined;
    this.pairs = pairs;
    this.#environment = pairs === undefined ? (environment as Environment) : null;
    this.body = body;
    this.method = method;
    this.url = url;
    this.foreign = foreign;
    this.requestTimeoutMs = limits?.requestTimeoutMs;
    this.readTimeoutMs = limits?.readTimeoutMs;
  }

  /** See CgiRequest. */
  get idempotent(): boolean {
    return this.method === 'GET' || isIdempotent(this.method);
  }

  /** See CgiRequest. */
  get environment(): Environment {
    this.#environment ??= environmentOf(this.pairs!);
    return this.#environment;
  }
}
