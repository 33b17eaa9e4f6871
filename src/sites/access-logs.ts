// The access log: its lines, as JSON, written by hand, each with the same first fields as the log's other lines, or in a site's own format;
// and where they go, over reloads: to the file of a site, or to the log of the service.

import { resolve } from 'node:path';
import { compileAccessFormat } from '../access-format.ts';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { AccessLog, AccessRecord } from './gateways.ts';
import { LogDestination } from './log-destination.ts';

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
    target?.destination.write(target.format(record, Date.now(), thread));
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

/** Opens one again by its name; where that cannot be, the one that is open goes on. @param name as the log calls it */
export function reopenLog(destination: LogDestination, name: string, log: Log): void {
  try {
    destination.reopen();
  } catch (error) {
    log.error({}, `${name} could not be opened again, the one that is open goes on: ${(error as Error).message}`);
  }
}

/** Of several together. @param lostBefore lines that files have lost which are not written any more */
export function statusOf(all: readonly LogDestination[], lostBefore: number): LogStatus {
  const statuses = all.map(({ status }) => status);
  return {
    lostLines: statuses.reduce((sum, { lostLines }) => sum + lostLines, lostBefore),
    trouble: statuses.find(({ trouble }) => trouble !== null)?.trouble ?? null,
  };
}

/** Opens one. @param path of the key that names it @param key as an error calls it @throws CONFIG_INVALID */
export function openDestination(
  to: string | number,
  { refusal }: Config,
  path: readonly string[],
  key: string,
): LogDestination {
  try {
    return new LogDestination(to);
  } catch (error) {
    throw refusal({ path, message: `${key}: ${reasonOf(error as NodeJS.ErrnoException)}` });
  }
}

function reasonOf({ code, path, message }: NodeJS.ErrnoException): string {
  if (code === 'ELOOP') return `${path} is a symbolic link, which is not followed: name the file itself`;
  return code === 'ENXIO' ? `nobody reads the pipe ${path}: start its reader first` : message;
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

  /**
   * The line, with its end.
   * @param wallMs milliseconds since 1970 @param thread which front thread answered; 0: the main one
   */
  format(record: AccessRecord, wallMs: number, thread = 0): string {
    const ms = wallMs - this.#secondMs;
    if (ms < 0 || ms >= 1000) this.#beginSecond(wallMs);
    const { site, method, version, host, remoteAddress, pool, outcome, error, userAgent, referer } = record;
    const asked = this.#asked;
    if (!asked.is(site, method, null)) asked.text = `Z","site":${quote(site)},"method":${quote(method)},"url":`;
    const client = this.#client;
    if (!client.is(version, host, remoteAddress))
      client.text = `,"version":"${version}","host":${quote(host)},"remoteAddress":${quote(remoteAddress)},"status":`;
    const ended = this.#ended;
    if (!ended.is(pool, outcome, error))
      ended.text = `,"pool":${quote(pool)},"outcome":"${outcome}","error":${quote(error)},"pid":`;
    const agent = this.#agent;
    if (!agent.is(userAgent, referer, null))
      agent.text = `,"userAgent":${quote(userAgent)},"referer":${quote(referer)},"requestId":"`;
    // Most requests have none of these.
    const why = record.why === null ? '' : `,"why":${quote(record.why)}`;
    const trace = record.traceId === null ? '' : `,"traceId":"${record.traceId}"`;
    return `${this.#second}${thousandths[wallMs - this.#secondMs]}${asked.text}${quote(record.url)}${client.text}${record.status},"bytes":${record.bytes},"durationMs":${milliseconds(record.durationMs)},"waitedMs":${milliseconds(record.waitedMs)},"runMs":${milliseconds(record.runMs)},"firstByteMs":${milliseconds(record.firstByteMs)}${ended.text}${record.pid},"attempts":${record.attempts},"thread":${thread}${agent.text}${record.requestId}"${why}${trace},"msg":"request"}\n`;
  }

  #beginSecond(wallMs: number): void {
    this.#secondMs = wallMs - (wallMs % 1000);
    this.#second = `{"level":30,"time":"${new Date(wallMs).toISOString().slice(0, -4)}`;
  }
}

/** A piece of a line, and the fields that it was made of: it mostly is what it was in the line before. */
class LastPiece {
  text = '';
  #one: string | null = null;
  #two: string | null = null;
  #three: string | null = null;

  /** Whether it was made of these; from now on it is. */
  is(one: string | null, two: string | null, three: string | null): boolean {
    if (one === this.#one && two === this.#two && three === this.#three && this.text !== '') return true;
    this.#one = one;
    this.#two = two;
    this.#three = three;
    return false;
  }
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
