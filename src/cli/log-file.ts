// The log of a service: lines of JSON through pino, or short lines for people, to a file, standard output or standard error; and the access logs, those of
// sites that have a file of their own too, over reloads.

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { pino } from 'pino';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { AccessLines, type LineFormat, lineFormat } from '../sites/access-lines.ts';
import type { AccessLog, AccessRecord } from '../sites/gateways.ts';
import { accessLine, humanLog } from './human-log.ts';
import { LogDestination } from './log-destination.ts';
import { paintFor } from './terminal.ts';

/** A log, and its life. */
export interface LogFile {
  readonly log: Log;
  /** Writes a line for each request: to the file of its site, or else to this one, unless its level is above info. */
  readonly access: AccessLog;
  /** Writes lines that a front thread has made, of a site; null: those of this log. undefined: its lines are for people, and made here. */
  readonly accessLines: ((site: string | null, lines: string) => void) | undefined;
  /** Writes lines that another process has made, as they come. */
  readonly take: (lines: Buffer) => void;
  /** Opens the files again by their names, after they were moved away (USR1). Does nothing for standard output. Failing to is logged. */
  reopen(): void;
  /** Goes over to the files of another configuration's sites. @throws CONFIG_INVALID; then nothing has changed */
  change(config: Config): void;
  /** Whether all of it can be written now, and what was lost. */
  status(): LogStatus;
  /** Writes what is still in memory, as far as that goes, and ends with a whole line. */
  close(): void;
}

/** By their devices' names, too: those are symbolic links. */
const standard: Readonly<Record<string, number>> = { stdout: 1, '/dev/stdout': 1, stderr: 2, '/dev/stderr': 2 };

/** pino's number for it. From here on lines are written at once: they may be the last. */
const warnLevel = 40;

/** Whether the log of a configuration is a file, which takes rights to be opened anew. */
export function isLogFile({ values: { log } }: Config): boolean {
  return log.file !== undefined && !Object.hasOwn(standard, log.file);
}

/**
 * Opens the log that the configuration asks for.
 * @param instead where it goes in place of that
 * @throws CONFIG_INVALID when a file cannot be opened
 */
export function openLog(config: Config, instead?: 'stdout'): LogFile {
  const { level, file = 'stdout', format, access } = config.values.log;
  const to = standard[instead ?? file] ?? resolve(config.folder, file);
  const destination = openDestination(to, config, ['log', 'file'], 'file in [log]');
  const sites = new AccessFiles(config);
  const isTerminal = typeof to === 'number' && isatty(to);
  const isText = format === 'text' || (format === 'auto' && isTerminal);
  const paint = paintFor(isTerminal, process.env);
  const log = isText
    ? humanLog({ write: (text) => writeNow(destination, text), paint }, level)
    : jsonLog(destination, level);
  const lines = new AccessLines();
  const isTold = access && (level === 'debug' || level === 'info');
  return {
    log,
    take: wholeLines((text) => destination.write(text)),
    access: (record, thread = 0) => {
      if (sites.write(record, Date.now(), thread) || !isTold) return;
      destination.write(isText ? `${accessLine(record, paint)}\n` : lines.format(record, Date.now(), thread));
    },
    accessLines: isText
      ? undefined
      : (site, made) => {
          if (site === null || !sites.writeLines(site, made)) destination.write(made);
        },
    reopen: () => {
      for (const one of [destination, ...sites.destinations]) {
        try {
          one.reopen();
        } catch (error) {
          const words = `could not be opened again, the one that is open goes on: ${(error as Error).message}`;
          log.error({}, one === destination ? `the log ${words}` : `an access log ${words}`);
        }
      }
    },
    change: (next) => sites.use(next),
    status: () =>
      sumOf(
        [destination, ...sites.destinations].map(({ status }) => status),
        sites.lostBefore,
      ),
    close: () => {
      destination.close();
      sites.close();
    },
  };
}

/** What a line may have that is not whole yet; more of it is written as it is. */
const longestLine = 1_048_576;

/** Takes pieces of lines, and passes whole ones on: what is lost or kept by the destination is counted in lines. */
function wholeLines(write: (text: string) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = all.length > longestLine ? all.length : all.lastIndexOf(0x0a) + 1;
    if (end > 0) write(all.toString('utf8', 0, end));
    rest = Buffer.from(all.subarray(end));
  };
}

function jsonLog(destination: LogDestination, level: string): Log {
  return pino(
    {
      level,
      // "pid" in a line is that of a worker; the service's own is in the first line.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: {
        logMethod(args, write, lineLevel) {
          write.apply(this, args);
          if (lineLevel >= warnLevel) destination.flush();
        },
      },
    },
    destination,
  );
}

/** People look at it as it happens. */
function writeNow(destination: LogDestination, text: string): void {
  destination.write(text);
  destination.flush();
}

/** @param lostBefore lines that files have lost which are not written any more */
function sumOf(all: readonly LogStatus[], lostBefore: number): LogStatus {
  return {
    lostLines: all.reduce((sum, { lostLines }) => sum + lostLines, lostBefore),
    trouble: all.find(({ trouble }) => trouble !== null)?.trouble ?? null,
  };
}

/** How a site's lines are written. */
interface SiteLog {
  readonly destination: LogDestination;
  readonly format: LineFormat;
}

/** The access logs of sites that have a file of their own: which site writes where and how. */
class AccessFiles {
  /** Lines that were lost by files that are not written any more. */
  lostBefore = 0;
  /** By path: two sites may share a file. */
  #open: ReadonlyMap<string, LogDestination> = new Map();
  /** By site. */
  #sites: ReadonlyMap<string, SiteLog> = new Map();

  /** @throws CONFIG_INVALID for a file that cannot be opened */
  constructor(config: Config) {
    this.use(config);
  }

  get destinations(): readonly LogDestination[] {
    return [...this.#open.values()];
  }

  /** Goes over to another configuration: what it names too stays open. @throws CONFIG_INVALID; then nothing has changed */
  use(config: Config): void {
    const open = new Map<string, LogDestination>();
    const sites = new Map<string, SiteLog>();
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

  /** Writes the line. @returns false: its site has no file of its own */
  write(record: AccessRecord, wallMs: number, thread: number): boolean {
    const site = this.#sites.get(record.site);
    site?.destination.write(site.format(record, wallMs, thread));
    return site !== undefined;
  }

  /** Writes lines that a front thread has made. @returns false: the site has no file of its own */
  writeLines(site: string, lines: string): boolean {
    const { destination } = this.#sites.get(site) ?? {};
    destination?.write(lines);
    return destination !== undefined;
  }

  /** Repeatable. */
  close(): void {
    for (const destination of this.#open.values()) destination.close();
    this.#open = new Map();
    this.#sites = new Map();
  }
}

/** Opens one. @param path of the key that names it @param key as an error calls it @throws CONFIG_INVALID */
function openDestination(
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
