// What the log is told of a request: its errors, the lines that its program writes on STDERR, and the access record when it is over.

import { randomBytes } from 'node:crypto';
import type { LoggedRequest } from '../access-format.ts';
import type { AddressList } from '../address-list.ts';
import type { Clock } from '../clock.ts';
import type { PosternError, SlowClientLimit } from '../errors.ts';
import type { Log, LogFields } from '../log.ts';
import { isPairs } from '../protocol/cgi/environment.ts';
import type { Environment, Pairs } from '../protocol/cgi/exchange.ts';
import { environmentOf } from '../protocol/fastcgi/name-value-reader.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import type { ShownFields } from '../protocol/http/http1-head.ts';
import { bytesToLog, urlForLog } from '../protocol/text.ts';
import type { KnownTargets } from './known-requests.ts';
import type { HttpRequest } from './message.ts';
import type { RecordRate } from './record-rate.ts';
import type { Client } from './request-client.ts';
import { StderrLog } from './stderr-log.ts';
import { noFields, type RequestTrace, type Traces, traceIdOf, traceVariables } from './trace.ts';

/** One request that is over. Texts are escaped and safe to print; credentials are blanked. */
export interface AccessRecord extends LoggedRequest {
  readonly site: string;
  readonly method: string;
  /** Request target, cut at 2048 bytes. */
  readonly url: string;
  readonly version: string;
  readonly host: string;
  /** The client's address, behind trusted proxies too. */
  readonly remoteAddress: string;
  /** The status that was sent; 499 when the client left before one was. */
  readonly status: number;
  /** Bytes of the body that were given to the front. */
  readonly bytes: number;
  /** From the request's head to the answer's end. */
  readonly durationMs: number;
  /** How long the request waited for a lane; null where no pool was asked. */
  readonly waitedMs: number | null;
  /** From the start at the backend (after the body came in) to the end of the answer, without the wait; null where none ran. */
  readonly runMs: number | null;
  /** From the request's head to that of the program's answer; null where none came. */
  readonly firstByteMs: number | null;
  /** Name of the backend, or null. */
  readonly pool: string | null;
  /** The process that ran it; 0: none is known. */
  readonly pid: number;
  /** How often it was given to one; 0: never. */
  readonly attempts: number;
  readonly userAgent: string | null;
  /** Credentials in it are blanked. */
  readonly referer: string | null;
  /** By which all that is logged of this request is found: a trusted proxy's X-Request-Id, or one of ours. */
  readonly requestId: string;
  /** From traceparent; null: there is none. */
  readonly traceId: string | null;
  /** How it ended: complete, gone (the client left), aborted (the answer could not be completed). */
  readonly outcome: 'complete' | 'gone' | 'aborted';
  /** Code of the error that was answered or logged, or null. */
  readonly error: string | null;
  /** Its cause, in the words of `explain` and of the log; null: there is no error. */
  readonly why: string | null;
}

/** Told of each request that is over, whether it is logged or not. */
export type CountAnswer = (
  site: string,
  method: string,
  status: number,
  durationMs: number,
  /** What its client met; null: nothing. */
  limit: SlowClientLimit | null,
) => void;

/** Takes the records. `thread`: which front thread it was; 0: the main one. */
export type AccessLog = (record: AccessRecord, thread?: number) => void;

/** What the logs of all requests of a site share. */
export interface LogOwner {
  readonly site: {
    readonly name: string;
    /** See `Site.logs`. */
    readonly logs?: { readonly asks: readonly string[] };
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly count: CountAnswer | null;
  readonly accessLog: AccessLog | null;
  readonly stderrRate: RecordRate;
  readonly errorRate: RecordRate;
  readonly proxies: AddressList;
  readonly ids: RequestIds;
  /** Targets that came before: as logs show them, too. */
  readonly targets: KnownTargets;
  /** null: traces are only passed on. */
  readonly traces: Traces | null;
}

/** What is known of a program at the end of a request. */
interface RanProgram {
  readonly waitedMs?: number;
  readonly pid?: number;
  readonly attempts?: number;
}

/** What was answered. */
interface Answered {
  readonly status: number;
  readonly bytes: number;
}

/** The log of one request. */
export class VisitLog {
  readonly #owner: LogOwner;
  readonly #request: HttpRequest;
  readonly #startedAt: number;
  /** null: traces are only passed on. */
  readonly trace: RequestTrace | null;
  #shownUrl: string | null = null;
  #requestId: string | null = null;
  #pool: string | null = null;
  #route: string | null = null;
  /** Whether what was asked has not been told of as over. */
  #isRunning = false;
  #environment: Environment | Pairs | null = null;
  #runFrom = 0;
  #headAt = 0;
  #sent: readonly string[] | null = null;
  #waitedMs: number | null = null;
  #runMs: number | null = null;
  #pid = 0;
  #attempts = 0;
  #stderr: StderrLog | null = null;

  constructor(owner: LogOwner, request: HttpRequest) {
    this.#owner = owner;
    this.#request = request;
    this.#startedAt = owner.clock.now();
    this.trace = owner.traces === null ? null : owner.traces.begin(request);
  }

  /** The client's target as logs show it; made when first asked for. */
  get url(): string {
    this.#shownUrl ??= this.#owner.targets.shown(this.#request.target);
    return this.#shownUrl;
  }

  /** @param environment or its pairs; null: it is not told @param route the one that took it; null: none did */
  programStarts(pool: string, environment: Environment | Pairs | null = null, route: string | null = null): void {
    this.#pool = pool;
    this.#route = route;
    this.#isRunning = true;
    this.#environment = environment;
    this.#runFrom = this.#owner.clock.now();
  }

  /** The head of its answer has come. */
  programAnswers(headers: readonly string[]): void {
    if (this.#headAt === 0) this.#headAt = this.#owner.clock.now();
    this.#sent = headers;
  }

  /** @param ran undefined: it was refused before it could run */
  programEnds(ran: RanProgram | undefined): void {
    this.#stderr?.end();
    // Another program may answer after a local redirect.
    this.#stderr = null;
    this.#waitedMs = ran?.waitedMs ?? this.#waitedMs;
    this.#pid = ran?.pid ?? this.#pid;
    this.#attempts = ran?.attempts ?? this.#attempts;
    this.#runMs = this.#owner.clock.now() - this.#runFrom - (this.#waitedMs ?? 0);
    this.#traceRun();
  }

  stderr(chunk: Uint8Array, pid: number): void {
    const { log, stderrRate, clock } = this.#owner;
    const process = pid > 0 ? { pid } : {};
    this.#stderr ??= new StderrLog(log, { ...this.#fields(), ...process }, stderrRate, clock);
    this.#stderr.write(chunk);
  }

  lostLines(lost: readonly string[]): void {
    const { log, stderrRate } = this.#owner;
    if (!stderrRate.take()) return;
    const fields = { ...this.#fields(), lines: lost.map((line) => bytesToLog(line, 100)) };
    log.warn(fields, "lines of the program's header are no fields, and were left out of its answer");
  }

  over(outcome: AccessRecord['outcome'], error: PosternError | null, client: Client | null, answered: Answered): void {
    const isOurs = error !== null && (error.status >= 500 || error.isHint || outcome === 'aborted');
    if (error !== null && (isOurs || error.limit !== null) && !error.isTold) this.#error(error);
    const { site, clock, count, accessLog } = this.#owner;
    const status = answered.status === 0 ? 499 : answered.status;
    const durationMs = clock.now() - this.#startedAt;
    count?.(site.name, this.#request.method, status, durationMs, error?.limit ?? null);
    if (this.trace !== null) {
      this.#traceRun();
      this.trace.over({ status: answered.status, error: error?.code ?? null, client, route: this.#route });
    }
    if (accessLog === null) return;
    const { method, version, headers, peer, made = null } = this.#request;
    const shown = made?.shown ?? shownOf(headers);
    if (made !== null && made.shown === null) made.shown = shown;
    const logs = site.logs ?? null;
    const environment = logs === null ? null : this.#variables();
    const length = this.#request.contentLength;
    accessLog({
      site: site.name,
      method: method === 'GET' || method === 'POST' ? method : bytesToLog(method, 32),
      url: this.url,
      version,
      host: shown.host,
      remoteAddress: client?.remoteAddress ?? peer.remoteAddress,
      status,
      bytes: answered.bytes,
      durationMs,
      waitedMs: this.#waitedMs,
      runMs: this.#runMs,
      firstByteMs: this.#headAt === 0 ? null : this.#headAt - this.#startedAt,
      pool: this.#pool,
      pid: this.#pid,
      attempts: this.#attempts,
      outcome,
      error: error?.code ?? null,
      why: error?.message ?? null,
      userAgent: shown.userAgent,
      referer: shown.referer,
      requestId: this.requestId,
      traceId: this.trace === null ? shown.traceId : this.trace.traceId,
      script:
        environment?.SCRIPT_FILENAME === undefined ? null : bytesToLog(environment.SCRIPT_FILENAME, MAX_FIELD_LENGTH),
      user: environment?.REMOTE_USER ? bytesToLog(environment.REMOTE_USER, 255) : null,
      contentLength: length,
      asked: logs === null ? null : askedValues(logs.asks, environment, this.#sent),
    });
  }

  /** Made when first asked for. */
  get requestId(): string {
    this.#requestId ??= givenId(this.#request, this.#owner) ?? this.#owner.ids.next();
    return this.#requestId;
  }

  /** A program is to have it. @returns the variables that tell it of its trace */
  traceBegins(pool: string): Environment {
    const fields = this.trace === null ? noFields : this.trace.begins(pool);
    return fields === noFields ? noFields : traceVariables(fields);
  }

  /** What was asked is over; it may be another for each local redirect. */
  #traceRun(): void {
    if (this.trace === null || !this.#isRunning) return;
    this.#isRunning = false;
    this.trace.ran({
      pool: this.#pool!,
      fromMs: this.#runFrom,
      waitedMs: this.#waitedMs ?? 0,
      untilMs: this.#owner.clock.now(),
      pid: this.#pid,
      attempts: this.#attempts,
    });
  }

  /** They cost something where they are pairs. */
  #variables(): Environment | null {
    const environment = this.#environment;
    return environment !== null && isPairs(environment) ? environmentOf(environment) : environment;
  }

  #error(error: PosternError): void {
    const { log, errorRate } = this.#owner;
    if (!errorRate.take()) return;
    const dropped = errorRate.takeDropped();
    const fields: LogFields = { ...error.fields, code: error.code, ...this.#fields() };
    if (dropped > 0) fields.droppedRecords = dropped;
    // Nobody expected it: where it came from is what there is to go by.
    if (error.code === 'INTERNAL') fields.stack = (error.cause instanceof Error ? error.cause : error).stack;
    if (error.limit === null) log.error(fields, error.message);
    else log.warn(fields, error.message);
  }

  #fields(): LogFields {
    return { pool: this.#pool, method: this.#request.method, url: this.url, requestId: this.requestId };
  }
}

const MAX_FIELD_LENGTH = 512;

/** Two digits to the base of 36: to print the whole number takes longer. */
const lastDigits = Array.from({ length: 36 * 36 }, (_, number) => number.toString(36).padStart(2, '0'));

/** Ids of requests: whoever makes them begins them with letters of its own. */
export class RequestIds {
  readonly #prefix = randomBytes(5).toString('base64url');
  #last = 0;
  /** What the last one begins with, but for its last two digits. */
  #beginning = '';

  next(): string {
    this.#last += 1;
    const digits = this.#last % lastDigits.length;
    if (digits === 0 || this.#beginning === '') {
      const before = Math.floor(this.#last / lastDigits.length);
      this.#beginning = `${this.#prefix}-${before === 0 ? '' : before.toString(36)}`;
    }
    return this.#beginning + lastDigits[digits]!;
  }
}

/** What a trusted proxy has called the request. */
function givenId({ headers, peer }: HttpRequest, { proxies }: LogOwner): string | null {
  if (proxies.isEmpty || !proxies.has(peer.remoteAddress)) return null;
  const given = fieldValue(headers, 'x-request-id');
  return given !== undefined && /^[\w.:=+/-]{1,128}$/.test(given) ? given : null;
}

/** The trace that a client has given; null: none, or none that is valid. */
function givenTrace(headers: readonly string[]): string | null {
  const given = fieldValue(headers, 'traceparent');
  return given === undefined ? null : traceIdOf(given);
}

function shownOf(headers: readonly string[]): ShownFields {
  return {
    host: bytesToLog(fieldValue(headers, 'host') ?? '', 255),
    userAgent: shownField(headers, 'user-agent'),
    referer: shownReferer(headers),
    traceId: givenTrace(headers),
  };
}

function shownField(headers: readonly string[], name: string): string | null {
  const value = fieldValue(headers, name);
  return value === undefined ? null : bytesToLog(value, MAX_FIELD_LENGTH);
}

/** The page before may have had credentials in its address. */
function shownReferer(headers: readonly string[]): string | null {
  const value = fieldValue(headers, 'referer');
  return value === undefined ? null : urlForLog(value).slice(0, MAX_FIELD_LENGTH);
}

/** What a format asks for besides. @param sent fields of the program's answer */
function askedValues(
  asks: readonly string[],
  environment: Environment | null,
  sent: readonly string[] | null,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const ask of asks) {
    const name = ask.slice(2);
    const value = ask.startsWith('e:') ? environment?.[name] : fieldValue(sent ?? [], name);
    if (value !== undefined) values[ask] = urlForLog(value).slice(0, MAX_FIELD_LENGTH);
  }
  return values;
}
