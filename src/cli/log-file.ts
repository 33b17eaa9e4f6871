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
 * line of an object, a tenth of what a small request costs in all. And of few pieces: what was the same in the line before is one of them.
 */
export class AccessLines {
  /** The present second, to its point. */
  #second = '';
  #secondMs = 0;
  readonly #asked = new LastPiece();
  readonly #client = new LastPiece();
  readonly #ended = new LastPiece();

  /**
   * The line, with its end.
   * @param wallMs milliseconds since 1970
   */
  format(record: AccessRecord, wallMs: number): string {
    const ms = wallMs - this.#secondMs;
    if (ms < 0 || ms >= 1000) this.#beginSecond(wallMs);
    const { site, method, version, host, remoteAddress, pool, outcome, error } = record;
    const asked = this.#asked;
    if (!asked.is(site, method, null)) asked.text = `Z","site":${quote(site)},"method":${quote(method)},"url":`;
    const client = this.#client;
    if (!client.is(version, host, remoteAddress))
      client.text = `,"version":"${version}","host":${quote(host)},"remoteAddress":${quote(remoteAddress)},"status":`;
    const ended = this.#ended;
    if (!ended.is(pool, outcome, error))
      ended.text = `,"pool":${quote(pool)},"outcome":"${outcome}","error":${quote(error)},"msg":"request"}\n`;
    return `${this.#second}${thousandths[wallMs - this.#secondMs]}${asked.text}${quote(record.url)}${client.text}${record.status},"bytes":${record.bytes},"durationMs":${milliseconds(record.durationMs)},"waitedMs":${milliseconds(record.waitedMs)},"runMs":${milliseconds(record.runMs)}${ended.text}`;
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

/** Text as JSON; most holds nothing that needs an escape. */
function quote(text: string | null): string {
  if (text === null) return 'null';
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code < 0xe000)) return JSON.stringify(text);
  }
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
