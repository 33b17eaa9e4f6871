// One request's way through the gateway: what answers it, its body, the program that runs, and how all of it ended.

import type { AddressList } from '../address-list.ts';
import type { Clock } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { Log, LogFields } from '../log.ts';
import type { CgiRequest, Environment, Exchange } from '../protocol/cgi/exchange.ts';
import { isIdempotent } from '../protocol/cgi/exchange.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { parseLocalTarget, type RequestPath } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { AnswerSpools } from './answer-spool.ts';
import { collectBody } from './collect-body.ts';
import { sendLastWords, sendListing } from './developer-pages.ts';
import type { FileRequest } from './file-answer.ts';
import type { HttpAnswer, HttpRequest, WebServerRequest } from './message.ts';
import { type AnswerOwner, ProgramAnswer } from './program-answer.ts';
import { type Outcome, Reply, type ReplyOwner } from './reply.ts';
import { type BodyLimits, checkBodyLength, type HeldBody, streamBody } from './request-body.ts';
import { type Client, identifyClient, isThisMachine } from './request-check.ts';
import type { RecordRate } from './request-log.ts';
import { type AccessLog, StderrLog, urlForLog } from './request-log.ts';
import type { Routing } from './routing.ts';
import { type Decision, decide, type Run } from './script.ts';
import { findSendfile } from './sendfile.ts';
import type { BackendRoute, Site } from './site.ts';
import type { SpoolBlocks } from './spool-blocks.ts';
import type { StaticFiles } from './static-file.ts';

/** What the visits of a gateway share. */
export interface VisitOwner {
  readonly site: Site;
  readonly routing: Routing;
  readonly proxies: AddressList;
  readonly files: StaticFiles;
  readonly spoolBlocks: SpoolBlocks;
  readonly answerSpools: AnswerSpools;
  readonly clock: Clock;
  readonly log: Log;
  readonly accessLog: AccessLog | null;
  readonly stderrRate: RecordRate;
  readonly errorRate: RecordRate;
  /** What answers a request. @throws BAD_REQUEST and its kind */
  decide(request: HttpRequest): { readonly target: RequestPath; readonly decision: Decision };
  /** Names of variables that a web server in front made up, and that are not to become the environment of a process. */
  foreignTo(webServer: WebServerRequest): readonly string[];
  /** @param contentLength exact length of the body; null where there is none or it is not known */
  environmentFor(
    request: HttpRequest,
    client: Client,
    target: RequestPath,
    run: Run,
    contentLength: number | null,
  ): Environment;
  /** What a body may take that goes to a backend by that route. */
  bodyLimitsFor(route: BackendRoute): BodyLimits;
  /** How long a request by that route may take, where it says so. */
  timeLimitsFor(route: BackendRoute): TimeLimits;
  /** A visit is over. */
  onOver(): void;
}

/** See CgiRequest. */
export type TimeLimits = Pick<CgiRequest, 'requestTimeoutMs' | 'readTimeoutMs'>;

const MAX_LOCAL_REDIRECTS = 10;
/** Characters of STDERR that a developer is shown. */
const MAX_LAST_WORDS = 4_096;
const none: readonly string[] = [];

/** One request on its way. */
export class Visit implements ReplyOwner, AnswerOwner {
  readonly #gateway: VisitOwner;
  readonly #first: HttpRequest;
  readonly #reply: Reply;
  readonly #startedAt: number;
  #shownUrl: string | null = null;
  #client: Client | null = null;
  #redirects = 0;
  #body: HeldBody | null = null;
  #exchange: Exchange | null = null;
  #pool: string | null = null;
  #runFrom = 0;
  #waitedMs: number | null = null;
  #runMs: number | null = null;
  #stderr: StderrLog | null = null;
  /** The end of STDERR, where somebody may be shown it. */
  #lastWords = '';

  constructor(gateway: VisitOwner, request: HttpRequest, answer: HttpAnswer) {
    this.#gateway = gateway;
    this.#first = request;
    this.#startedAt = gateway.clock.now();
    this.#reply = new Reply(answer, request.headers, gateway, this);
  }

  /** The client's target as logs show it; made when first asked for. */
  get #url(): string {
    this.#shownUrl ??= urlForLog(this.#first.target);
    return this.#shownUrl;
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
    if (request.target === '*' && request.method === 'OPTIONS' && request.webServer === undefined) {
      this.#reply.answer(204, []);
      return;
    }
    const { target, decision } = this.#gateway.decide(request);
    this.#answer(request, client, target, decision);
  }

  #answer(request: HttpRequest, client: Client, target: RequestPath, decision: Decision): void {
    switch (decision.kind) {
      case 'run':
        this.#prepare(request, client, target, decision);
        break;
      case 'file':
        this.#gateway.files.send(this.#reply, request, decision.entry);
        break;
      case 'redirect':
        this.#redirect(request, decision.location);
        break;
      case 'listing':
        sendListing(this.#reply, request.method, this.#gateway.routing, decision);
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
    const { spoolBlocks, clock } = this.#gateway;
    const limits = this.#gateway.bodyLimitsFor(run.route);
    checkBodyLength(request, limits);
    if (run.route.streamUploads) {
      this.#run(request, client, target, run, streamBody(request.body, request.contentLength, limits, clock));
      return;
    }
    collectBody(request.body, request.contentLength, limits, spoolBlocks, clock)
      .then((body) => this.#run(request, client, target, run, body))
      .catch((error: unknown) => this.#reply.fail(toPosternError(error)));
  }

  #run(request: HttpRequest, client: Client, target: RequestPath, run: Run, body: HeldBody | null): void {
    if (this.#reply.isOver) {
      body?.close();
      return;
    }
    this.#body = body;
    const gateway = this.#gateway;
    const { backend } = run.route;
    const contentLength = body === null ? request.contentLength : body.length;
    const environment = gateway.environmentFor(request, client, target, run, contentLength);
    const { method } = request;
    const url = request === this.#first ? this.#url : urlForLog(request.target);
    const answer = new ProgramAnswer(this.#reply, this);
    this.#pool = backend.name;
    this.#runFrom = gateway.clock.now();
    const { webServer } = request;
    const foreign = webServer === undefined ? none : gateway.foreignTo(webServer);
    const exchange = backend.run(
      {
        ...{ role: 'responder', environment, body, data: null, method, url, idempotent: isIdempotent(method), foreign },
        ...gateway.timeLimitsFor(run.route),
      },
      answer,
    );
    // A refusal, or a very quick program, has ended it before run() returned; another may run already.
    if (answer.hasEnded) return;
    this.#exchange = exchange;
    this.#reply.producer = exchange;
  }

  onLostLines(lost: readonly string[]): void {
    const { log, stderrRate } = this.#gateway;
    if (!stderrRate.take()) return;
    const lines = lost.map((line) => bytesToLog(line, 100));
    const fields = { pool: this.#pool, method: this.#first.method, url: this.#url, lines };
    log.warn(fields, "lines of the program's header are no fields, and were left out of its answer");
  }

  onStderr(chunk: Uint8Array): void {
    const { log, stderrRate } = this.#gateway;
    const { method } = this.#first;
    this.#stderr ??= new StderrLog(log, { pool: this.#pool, method, url: this.#url }, stderrRate);
    this.#stderr.write(chunk);
    if (this.#gateway.site.isDeveloped) this.#lastWords = (this.#lastWords + Buffer.from(chunk)).slice(-MAX_LAST_WORDS);
  }

  isForDeveloper(status: number): boolean {
    if (status < 500 || !this.#gateway.site.isDeveloped) return false;
    return isThisMachine(this.#client!.remoteAddress) && isThisMachine(this.#first.peer.remoteAddress);
  }

  onEmpty(status: number): void {
    sendLastWords(this.#reply, status, this.#lastWords, this.#first.headers);
  }

  onProgramEnd(): void {
    this.#stderr?.end();
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
      const target = localTarget(location);
      const decision = decide(this.#gateway.routing, target);
      this.#answer(redirected(this.#first, location), this.#client!, target, decision);
    } catch (error) {
      this.#reply.fail(toPosternError(error));
    }
  }

  onSendfile(name: Parameters<typeof findSendfile>[0], headers: readonly string[]): void {
    try {
      const entry = findSendfile(name, this.#gateway.site.sendfile);
      this.#gateway.files.send(this.#reply, fileRequest(this.#first), entry, headers);
    } catch (error) {
      this.#reply.fail(toPosternError(error));
    }
  }

  onOver(outcome: Outcome, error: PosternError | null): void {
    this.#release();
    this.#gateway.onOver();
    if (error !== null && !error.isTold && (error.status >= 500 || outcome === 'aborted')) this.#logError(error);
    if (this.#gateway.accessLog !== null) this.#logAccess(this.#gateway.accessLog, outcome, error);
  }

  #release(): void {
    this.#body?.close();
    this.#body = null;
    this.#exchange = null;
    this.#reply.producer = null;
  }

  #logError(error: PosternError): void {
    const { log, errorRate } = this.#gateway;
    if (!errorRate.take()) return;
    const dropped = errorRate.takeDropped();
    const { method } = this.#first;
    const fields: LogFields = { ...error.fields, code: error.code, method, url: this.#url, pool: this.#pool };
    if (dropped > 0) fields.droppedRecords = dropped;
    // Nobody expected it: where it came from is what there is to go by.
    if (error.code === 'INTERNAL') fields.stack = (error.cause instanceof Error ? error.cause : error).stack;
    log.error(fields, error.message);
  }

  #logAccess(accessLog: AccessLog, outcome: Outcome, error: PosternError | null): void {
    const { method, version, headers, peer } = this.#first;
    const { status, bytes } = this.#reply;
    accessLog({
      site: this.#gateway.site.name,
      method: bytesToLog(method, 32),
      url: this.#url,
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

/** What is asked of a file that a program sends: conditions and ranges count where the request could have been for the file. */
function fileRequest({ method, headers }: HttpRequest): FileRequest {
  return method === 'GET' || method === 'HEAD' ? { method, headers } : { method: 'GET', headers: [] };
}

/** A target that cannot be is the program's fault, not its client's. @throws ANSWER_INVALID */
function localTarget(location: string): RequestPath {
  try {
    return parseLocalTarget(location);
  } catch (error) {
    const message = `a program redirected inside the server, but ${(error as Error).message}`;
    throw new PosternError('ANSWER_INVALID', message, { cause: error });
  }
}

/** Fields that belong to the body, or to the resource, of the request that was redirected. */
const NOT_REDIRECTED = /^(?:content-|transfer-encoding$|expect$|range$|if-)/i;

/** The web server's variables without those of the body, and with the path that it is now. */
function redirectedVariables({ variables }: WebServerRequest, target: string): Environment {
  const ofBody = /^(?:HTTP_)?CONTENT_|^HTTP_(?:TRANSFER_ENCODING|EXPECT|RANGE|IF_.*)$/;
  const kept = Object.entries(variables).filter(([name]) => !ofBody.test(name));
  return { ...Object.fromEntries(kept), REQUEST_URI: target };
}

/** The request that a local redirect makes of the client's: a GET, without its body and what goes with that. */
function redirected(request: HttpRequest, target: string): HttpRequest {
  const headers: string[] = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    if (!NOT_REDIRECTED.test(request.headers[i]!)) headers.push(request.headers[i]!, request.headers[i + 1]!);
  }
  const { webServer } = request;
  return {
    ...request,
    ...{ method: 'GET', target, headers, body: null, contentLength: null },
    ...(webServer && { webServer: { ...webServer, variables: redirectedVariables(webServer, target) } }),
  };
}
