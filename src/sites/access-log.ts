// The access log: which site's lines go to which file, over reloads; and how a line looks: JSON, written by hand, with the same first fields as the log's
// other lines, or a site's own format. Where lines are written is in `log-destination.ts`.

import { resolve } from 'node:path';
import { compileAccessFormat } from '../access-format.ts';
import type { LogStatus } from '../admin/source.ts';
import { wallOfTurn } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { inOnePiece } from '../protocol/bytes.ts';
import { isAscii } from '../protocol/text.ts';
import type { AccessLog, AccessRecord } from './gateways.ts';
import { type LogDestination, openDestination, reopenLog, statusOf } from './log-destination.ts';

/** Makes the line of a record, with its end. @param thread which front thread answered; 0: the main one */
export type LineFormat = (record: AccessRecord, wallMs: number, thread: number) => string;

/** A format as the configuration has it: "json", or what `access-format.ts` reads. */
export function lineFormat(accessFormat: string): LineFormat {
  if (accessFormat === 'json') {
    const lines = new AccessLines();
    return (record, wallMs, thread) => lines.format(record, wallMs, thread);
  }
  const format = compileAccessFormat(accessFormat);
  return (record, wallMs) => `${format.line(record, wallMs)}\n`;
}

/** Where lines are written, and how. */
export interface LineTarget {
  readonly destination: LogDestination;
  readonly format: LineFormat;
}

export class AccessLogs {
  readonly #rest: LineTarget | null;
  /** Lines that were lost by files that are not written any more. */
  lostBefore = 0;
  /** By path: two sites may share a file. */
  #open: ReadonlyMap<string, LogDestination> = new Map();
  /** By site. */
  #sites: ReadonlyMap<string, LineTarget> = new Map();

  /** @param rest of sites that have no file of their own; null: theirs are not written @throws CONFIG_INVALID for a file that cannot be opened */
  constructor(config: Config, rest: LineTarget | null = null) {
    this.#rest = rest;
    this.use(config);
  }

  get destinations(): readonly LogDestination[] {
    return [...this.#open.values()];
  }

  /** Whether all of them can be written now, and what was lost. */
  get status(): LogStatus {
    return statusOf(this.destinations, this.lostBefore);
  }

  /** Goes over to another configuration: what it names too stays open. @throws CONFIG_INVALID; then nothing has changed */
  use(config: Config): void {
    const open = new Map<string, LogDestination>();
    const sites = new Map<string, LineTarget>();
    try {
      for (const [name, { accessLog, accessFormat = 'json' }] of Object.entries(config.values.site)) {
        if (accessLog === undefined || accessLog === 'off') continue;
        const path = resolve(config.folder, accessLog);
        const destination =
          open.get(path) ??
          this.#open.get(path) ??
          openDestination(path, config, ['site', name, 'accessLog'], `accessLog in [site.${name}]`);
        open.set(path, destination);
        sites.set(name, { destination, format: lineFormat(accessFormat) });
      }
    } catch (error) {
      for (const [path, destination] of open) if (!this.#open.has(path)) destination.close();
      throw error;
    }
    const gone = [...this.#open].flatMap(([path, destination]) => (open.has(path) ? [] : destination));
    this.#open = open;
    this.#sites = sites;
    for (const destination of gone) {
      destination.close();
      this.lostBefore += destination.status.lostLines;
    }
  }

  /** Writes the line of a request. */
  readonly write: AccessLog = (record, thread = 0) => {
    const target = this.#sites.get(record.site) ?? this.#rest;
    target?.destination.write(target.format(record, wallOfTurn(), thread));
  };

  /** The file of a site; undefined: it has none. */
  fileOf(site: string): LogDestination | undefined {
    return this.#sites.get(site)?.destination;
  }

  /** Opens them again by their names, after a rotation. */
  reopen(log: Log): void {
    for (const destination of this.#open.values()) reopenLog(destination, 'an access log', log);
  }

  /** Repeatable. */
  close(): void {
    for (const destination of this.#open.values()) destination.close();
    this.#open = new Map();
    this.#sites = new Map();
  }
}

const thousandths = Array.from({ length: 1000 }, (_, index) => String(index).padStart(3, '0'));

/**
 * Formats the lines of the access log, each with the same first fields as the log's other lines. By hand: a logger takes 5 us to make such a
 * line of an object, a tenth of what a small request costs in all. And of few pieces: what was the same in the line before is one of them.
 */
export class AccessLines {
  /** The present second, to its point. */
  #second = '';
  #secondMs = 0;
  readonly #asked = new LastPiece();
  readonly #client = new LastPiece();
  readonly #ended = new LastPiece();
  readonly #agent = new LastPiece();
  readonly #answered = new LastPiece();
  readonly #tail = new LastPiece();

  /**
   * The line, with its end. Joined with "+": a template asks of each piece whether it is text.
   * @param wallMs milliseconds since 1970 @param thread which front thread answered; 0: the main one
   */
  format(record: AccessRecord, wallMs: number, thread = 0): string {
    const ms = wallMs - this.#secondMs;
    if (ms < 0 || ms >= 1000) this.#beginSecond(wallMs);
    // Most requests have none of these.
    const why = record.why === null ? '' : `,"why":${quote(record.why)}`;
    const trace = record.traceId === null ? '' : `,"traceId":"${record.traceId}"`;
    const { waitedMs } = record;
    const waited = waitedMs === 0 ? ',"waitedMs":0,"runMs":' : `,"waitedMs":${milliseconds(waitedMs)},"runMs":`;
    return (
      this.#second +
      thousandths[wallMs - this.#secondMs]! +
      this.#beginning(record) +
      milliseconds(record.durationMs) +
      waited +
      milliseconds(record.runMs) +
      ',"firstByteMs":' +
      milliseconds(record.firstByteMs) +
      this.#ending(record) +
      String(record.pid) +
      this.#rest(record, thread) +
      record.requestId +
      (why === '' && trace === '' ? '","msg":"request"}\n' : `"${why}${trace},"msg":"request"}\n`)
    );
  }

  /** To the time that it took. */
  #beginning(record: AccessRecord): string {
    const { site, method, url, version, host, remoteAddress, status, bytes } = record;
    const asked = this.#asked;
    if (!asked.is(site, method, null)) asked.set(`Z","site":${quote(site)},"method":${quote(method)},"url":`);
    const client = this.#client;
    if (!client.is(version, host, remoteAddress))
      client.set(`,"version":"${version}","host":${quote(host)},"remoteAddress":${quote(remoteAddress)},"status":`);
    const answered = this.#answered;
    const isSame = answered.is(asked.text, url, client.text);
    if (!answered.isOf(status, bytes) || !isSame)
      answered.set(`${asked.text}${quote(url)}${client.text}${status},"bytes":${bytes},"durationMs":`);
    return answered.text;
  }

  /** To the id of the process. */
  #ending({ pool, outcome, error }: AccessRecord): string {
    const ended = this.#ended;
    if (!ended.is(pool, outcome, error))
      ended.set(`,"pool":${quote(pool)},"outcome":"${outcome}","error":${quote(error)},"pid":`);
    return ended.text;
  }

  /** To the id of the request. */
  #rest({ attempts, userAgent, referer }: AccessRecord, thread: number): string {
    const agent = this.#agent;
    if (!agent.is(userAgent, referer, null))
      agent.set(`,"userAgent":${quote(userAgent)},"referer":${quote(referer)},"requestId":"`);
    const tail = this.#tail;
    const isSame = tail.is(agent.text, null, null);
    if (!tail.isOf(attempts, thread) || !isSame) tail.set(`,"attempts":${attempts},"thread":${thread}${agent.text}`);
    return tail.text;
  }

  #beginSecond(wallMs: number): void {
    this.#secondMs = wallMs - (wallMs % 1000);
    this.#second = joined(`{"level":30,"time":"${new Date(wallMs).toISOString().slice(0, -4)}`);
  }
}

/** A piece of a line, and what it was made of: it mostly is what it was in the line before. */
class LastPiece {
  #text = '';
  #isJoined = false;
  #one: string | null = null;
  #two: string | null = null;
  #three: string | null = null;
  #count = -1;
  #size = -1;

  get text(): string {
    return this.#text;
  }

  /** Whether it was made of these; from now on it is. */
  is(one: string | null, two: string | null, three: string | null): boolean {
    if (one === this.#one && two === this.#two && three === this.#three && this.#text !== '') {
      // It is asked for again: from now on it is one piece, and not several that are put together with each line.
      if (!this.#isJoined) {
        this.#text = joined(this.#text);
        this.#isJoined = true;
      }
      return true;
    }
    this.#one = one;
    this.#two = two;
    this.#three = three;
    return false;
  }

  /** So of these numbers. */
  isOf(count: number, size: number): boolean {
    if (count === this.#count && size === this.#size) return true;
    this.#count = count;
    this.#size = size;
    return false;
  }

  set(text: string): void {
    this.#text = text;
    this.#isJoined = false;
  }
}

/** The same text in one piece. */
function joined(text: string): string {
  return isAscii(text) ? inOnePiece(text) : text;
}

const escaped = /[\x00-\x1f"\\\ud800-\udfff]/;

/** Text as JSON; most holds nothing that needs an escape. */
function quote(text: string | null): string {
  if (text === null) return 'null';
  if (escaped.test(text)) return JSON.stringify(text);
  return `"${text}"`;
}

/** What was printed before, by microseconds: most times are short, and a number takes longer to print than to find. */
const printed: string[] = Array.from({ length: 4_096 }, () => '');

/** Milliseconds, to a microsecond; of whole numbers, since a fraction takes several times as long to print. */
function milliseconds(value: number | null): string {
  if (value === null) return 'null';
  const micros = Math.round(value * 1000);
  if (micros <= 0) return '0';
  const isShort = micros < printed.length;
  const known = isShort ? printed[micros]! : '';
  if (known !== '') return known;
  const text = `${Math.trunc(micros / 1000)}.${thousandths[micros % 1000]}`;
  if (isShort) printed[micros] = text;
  return text;
}
