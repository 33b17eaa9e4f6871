// What the log is told of a request: its errors, the lines that its program writes on STDERR, and the access record when it is over.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { Log, LogFields } from '../log.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { HttpRequest } from './message.ts';
import type { Client } from './request-check.ts';

/** One request that is over. Texts are escaped and safe to print; credentials are blanked. */
export interface AccessRecord {
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
  /** Name of the backend, or null. */
  readonly pool: string | null;
  /** How it ended: complete, gone (the client left), aborted (the answer could not be completed). */
  readonly outcome: 'complete' | 'gone' | 'aborted';
  /** Code of the error that was answered or logged, or null. */
  readonly error: string | null;
}

/** Takes the records. */
export type AccessLog = (record: AccessRecord) => void;

const MAX_URL_LENGTH = 2048;

// Parameters by which applications pass on credentials; whoever reads the log must not be able to use them.
const SECRET =
  /([?&](?:password|passwd|pwd|token|access_token|refresh_token|id_token|api_?key|secret|client_secret|signature|sig|auth)=)[^&#]*/gi;

/** A request target as logs show it: credentials blanked, control bytes escaped, cut. */
export function urlForLog(target: string): string {
  const blanked = target.includes('?') ? target.replace(SECRET, '$1***') : target;
  return bytesToLog(blanked, MAX_URL_LENGTH);
}

/** Records that may come at once, and what is added each second. */
const BURST = 100;
const PER_SECOND = 20;

/** The rate that all requests of a site share. */
export class RecordRate {
  readonly #clock: Clock;
  #tokens = BURST;
  #since: number;
  #dropped = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** Takes one record's share; false, and counted, when there is none left. */
  take(): boolean {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#since) / 1000) * PER_SECOND);
    this.#since = now;
    if (this.#tokens < 1) {
      this.#dropped += 1;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** How many records were dropped since this was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

const MAX_LINE_LENGTH = 4096;

/** The STDERR of one request. */
export class StderrLog {
  readonly #log: Log;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #rate: RecordRate;
  /** The line that has not ended; no longer than what is shown of it. */
  #line = '';

  constructor(log: Log, fields: Readonly<Record<string, unknown>>, rate: RecordRate) {
    this.#log = log;
    this.#fields = fields;
    this.#rate = rate;
  }

  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.#append(bytes, start, end);
      this.end();
      start = end + 1;
    }
    this.#append(bytes, start, bytes.length);
  }

  /** The line ends here, and so does what the program had to say. */
  end(): void {
    const line = this.#line;
    this.#line = '';
    if (line === '' || line === '\r' || !this.#rate.take()) return;
    const droppedRecords = this.#rate.takeDropped();
    const fields = droppedRecords === 0 ? this.#fields : { ...this.#fields, droppedRecords };
    this.#log.warn(fields, bytesToLog(line.endsWith('\r') ? line.slice(0, -1) : line, MAX_LINE_LENGTH));
  }

  #append(bytes: Buffer, start: number, end: number): void {
    // One more than is shown, so that the cut is visible.
    const room = MAX_LINE_LENGTH + 1 - this.#line.length;
    if (room > 0 && start < end) this.#line += bytes.toString('latin1', start, Math.min(end, start + room));
  }
}

/** What the logs of all requests of a site share. */
export interface LogOwner {
  readonly site: { readonly name: string };
  readonly clock: Clock;
  readonly log: Log;
  readonly accessLog: AccessLog | null;
  readonly stderrRate: RecordRate;
  readonly errorRate: RecordRate;
}

/** The log of one request. */
export class VisitLog {
  readonly #owner: LogOwner;
  readonly #request: HttpRequest;
  readonly #startedAt: number;
  #shownUrl: string | null = null;
  #pool: string | null = null;
  #runFrom = 0;
  #waitedMs: number | null = null;
  #runMs: number | null = null;
  #stderr: StderrLog | null = null;

  constructor(owner: LogOwner, request: HttpRequest) {
    this.#owner = owner;
    this.#request = request;
    this.#startedAt = owner.clock.now();
  }

  /** The client's target as logs show it; made when first asked for. */
  get url(): string {
    this.#shownUrl ??= urlForLog(this.#request.target);
    return this.#shownUrl;
  }

  programStarts(pool: string): void {
    this.#pool = pool;
    this.#runFrom = this.#owner.clock.now();
  }

  /** @param waitedMs how long it waited for its turn, where that is known */
  programEnds(waitedMs: number | undefined): void {
    this.#stderr?.end();
    this.#waitedMs = waitedMs ?? this.#waitedMs;
    this.#runMs = this.#owner.clock.now() - this.#runFrom - (this.#waitedMs ?? 0);
  }

  stderr(chunk: Uint8Array): void {
    const { log, stderrRate } = this.#owner;
    this.#stderr ??= new StderrLog(log, this.#fields(), stderrRate);
    this.#stderr.write(chunk);
  }

  lostLines(lost: readonly string[]): void {
    const { log, stderrRate } = this.#owner;
    if (!stderrRate.take()) return;
    const fields = { ...this.#fields(), lines: lost.map((line) => bytesToLog(line, 100)) };
    log.warn(fields, "lines of the program's header are no fields, and were left out of its answer");
  }

  over(
    outcome: AccessRecord['outcome'],
    error: PosternError | null,
    client: Client | null,
    answered: { readonly status: number; readonly bytes: number },
  ): void {
    const isOurs = error !== null && (error.status >= 500 || error.isHint || outcome === 'aborted');
    if (isOurs && !error.isTold) this.#error(error);
    const { site, clock, accessLog } = this.#owner;
    if (accessLog === null) return;
    const { method, version, headers, peer } = this.#request;
    accessLog({
      site: site.name,
      method: bytesToLog(method, 32),
      url: this.url,
      version,
      host: bytesToLog(fieldValue(headers, 'host') ?? '', 255),
      remoteAddress: client?.remoteAddress ?? peer.remoteAddress,
      status: answered.status === 0 ? 499 : answered.status,
      bytes: answered.bytes,
      durationMs: clock.now() - this.#startedAt,
      waitedMs: this.#waitedMs,
      runMs: this.#runMs,
      pool: this.#pool,
      outcome,
      error: error?.code ?? null,
    });
  }

  #error(error: PosternError): void {
    const { log, errorRate } = this.#owner;
    if (!errorRate.take()) return;
    const dropped = errorRate.takeDropped();
    const fields: LogFields = { ...error.fields, code: error.code, ...this.#fields() };
    if (dropped > 0) fields.droppedRecords = dropped;
    // Nobody expected it: where it came from is what there is to go by.
    if (error.code === 'INTERNAL') fields.stack = (error.cause instanceof Error ? error.cause : error).stack;
    log.error(fields, error.message);
  }

  #fields(): LogFields {
    return { pool: this.#pool, method: this.#request.method, url: this.url };
  }
}
