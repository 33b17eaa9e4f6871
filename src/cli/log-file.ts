// The log of a service: JSON lines to a file, standard output or standard error, through pino; the lines of requests are written by hand.

import { resolve } from 'node:path';
import { type Logger, pino } from 'pino';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { AccessLog, AccessRecord } from '../service/gateways.ts';
import { LogDestination } from './log-destination.ts';

/** A log, and its life. */
export interface LogFile {
  readonly log: Logger;
  /** Writes a line for each request, unless the level is above info. */
  readonly access: AccessLog;
  /** Opens the file again by its name, after it was moved away (USR1). Does nothing for standard output. Failing to is logged. */
  reopen(): void;
  /** Whether it can be written now, and what was lost. */
  status(): LogStatus;
  /** Writes what is still in memory, as far as that goes, and ends with a whole line. */
  close(): void;
}

/** By their devices' names, too: those are symbolic links. */
const standard: Readonly<Record<string, number>> = { stdout: 1, '/dev/stdout': 1, stderr: 2, '/dev/stderr': 2 };

/** pino's number for it. From here on lines are written at once: they may be the last. */
const warnLevel = 40;

/**
 * Opens the log that the configuration asks for.
 * @throws CONFIG_INVALID when the file cannot be opened
 */
export function openLog(config: Config): LogFile {
  const { level, file = 'stdout' } = config.values.log;
  const destination = openDestination(standard[file] ?? resolve(config.folder, file), config);
  const log = pino(
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
  const lines = new AccessLines();
  const isTold = log.isLevelEnabled('info');
  return {
    log,
    access: (record) => {
      if (isTold) destination.write(lines.format(record, Date.now()));
    },
    reopen: () => {
      try {
        destination.reopen();
      } catch (error) {
        log.error({}, `the log could not be opened again, the one that is open goes on: ${(error as Error).message}`);
      }
    },
    status: () => destination.status,
    close: () => destination.close(),
  };
}

function openDestination(to: string | number, { refusal }: Config): LogDestination {
  try {
    return new LogDestination(to);
  } catch (error) {
    throw refusal({ path: ['log', 'file'], message: `file in [log]: ${reasonOf(error as NodeJS.ErrnoException)}` });
  }
}

function reasonOf({ code, path, message }: NodeJS.ErrnoException): string {
  if (code === 'ELOOP') return `${path} is a symbolic link, which is not followed: name the file itself`;
  return code === 'ENXIO' ? `nobody reads the pipe ${path}: start its reader first` : message;
}

const thousandths = Array.from({ length: 1000 }, (_, index) => String(index).padStart(3, '0'));

/**
 * Formats the lines of the access log, each with the same first fields as the log's other lines. By hand: a logger takes 5 us to make such a
 * line of an object, a tenth of what a small request costs in all.
 */
export class AccessLines {
  /** The text of the present millisecond. */
  #time = '';
  #timeMs = 0;
  readonly #site = new LastQuoted();
  readonly #method = new LastQuoted();
  readonly #host = new LastQuoted();
  readonly #remoteAddress = new LastQuoted();
  readonly #pool = new LastQuoted();

  /**
   * The line, with its end.
   * @param wallMs milliseconds since 1970
   */
  format(record: AccessRecord, wallMs: number): string {
    if (wallMs !== this.#timeMs) {
      this.#timeMs = wallMs;
      this.#time = new Date(wallMs).toISOString();
    }
    const { status, bytes, outcome } = record;
    return `{"level":30,"time":"${this.#time}","site":${this.#site.of(record.site)},"method":${this.#method.of(record.method)},"url":${quote(record.url)},"version":"${record.version}","host":${this.#host.of(record.host)},"remoteAddress":${this.#remoteAddress.of(record.remoteAddress)},"status":${status},"bytes":${bytes},"durationMs":${milliseconds(record.durationMs)},"waitedMs":${milliseconds(record.waitedMs)},"runMs":${milliseconds(record.runMs)},"pool":${this.#pool.of(record.pool)},"outcome":"${outcome}","error":${quote(record.error)},"msg":"request"}\n`;
  }
}

/** A field as JSON; it mostly is what it was in the line before. */
class LastQuoted {
  #text: string | null = null;
  #json = 'null';

  of(text: string | null): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#json = quote(text);
    }
    return this.#json;
  }
}

/** Text as JSON; most holds nothing that needs an escape. */
function quote(text: string | null): string {
  if (text === null) return 'null';
  return /["\\\x00-\x1f\ud800-\udfff]/.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Milliseconds, to a microsecond; of whole numbers, since a fraction takes several times as long to print. */
function milliseconds(value: number | null): string {
  if (value === null) return 'null';
  const micros = Math.round(value * 1000);
  return micros === 0 ? '0' : `${Math.trunc(micros / 1000)}.${thousandths[micros % 1000]}`;
}
