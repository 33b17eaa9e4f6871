// The access logs of sites that have a file of their own: which site writes where and how, over reloads.

import { resolve } from 'node:path';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { type LineFormat, lineFormat } from './access-lines.ts';
import type { AccessRecord } from './gateways.ts';
import { LogDestination } from './log-destination.ts';

/** How a site's lines are written. */
interface SiteLog {
  readonly destination: LogDestination;
  readonly format: LineFormat;
}

export class AccessFiles {
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

  /** Whether all of them can be written now, and what was lost. */
  get status(): LogStatus {
    return statusOf(this.destinations, this.lostBefore);
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
