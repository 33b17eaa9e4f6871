// The log of a service: lines of JSON through pino, or short lines for people, to a file, standard output or standard error; and the access log.

import { pino } from 'pino';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { AccessLogs, type LineFormat, lineFormat } from '../sites/access-log.ts';
import type { AccessLog } from '../sites/gateways.ts';
import { type LogDestination, openDestination, reopenLog, statusOf } from '../sites/log-destination.ts';
import { accessLine, humanLog } from './human-log.ts';
import { logPlaceOf } from './log-place.ts';
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

/** pino's number for it. From here on lines are written at once: they may be the last. */
const warnLevel = 40;

/**
 * Opens the log that the configuration asks for.
 * @param instead where it goes in place of that
 * @throws CONFIG_INVALID when a file cannot be opened
 */
export function openLog(config: Config, instead?: 'stdout'): LogFile {
  const { level, access } = config.values.log;
  const { to, isTerminal, isText } = logPlaceOf(config, instead);
  const destination = openDestination(to, config, ['log', 'file'], 'file in [log]');
  const paint = paintFor(isTerminal, process.env);
  const log = isText
    ? humanLog({ write: (text) => writeNow(destination, text), paint }, level)
    : jsonLog(destination, level);
  const isTold = access && (level === 'debug' || level === 'info');
  const format: LineFormat = isText ? (record) => `${accessLine(record, paint)}\n` : lineFormat('json');
  const sites = new AccessLogs(config, isTold ? { destination, format } : null);
  return {
    log,
    take: wholeLines((text) => destination.write(text)),
    access: sites.write,
    accessLines: isText
      ? undefined
      : (site, made) => ((site === null ? undefined : sites.fileOf(site)) ?? destination).write(made),
    reopen: () => {
      reopenLog(destination, 'the log', log);
      sites.reopen(log);
    },
    change: (next) => sites.use(next),
    status: () => statusOf([destination, ...sites.destinations], sites.lostBefore),
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
