// What `postern serve` is to serve, found out or read: a configuration, and what is to be said of it.

import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Config, defineConfig } from '../config/config.ts';
import { PosternError } from '../errors.ts';
import { UsageError } from './exit-status.ts';
import { freePort } from './free-port.ts';
import { localTls } from './local-tls.ts';
import type { Threads } from './option-values.ts';
import { recognise } from './recognise.ts';
import type { ServeOptions } from './serve-command.ts';
import { appConfig, folderConfig } from './serve-config.ts';

/** A configuration to serve, and what is to be said of it. */
export interface Prepared {
  readonly config: Config;
  readonly what: string | null;
  readonly notes: readonly string[];
}

/** What is served, as one process tells it another that serves. JSON. */
export interface Served extends Omit<Prepared, 'config'> {
  /** The application or folder as it was given. */
  readonly dir: string | undefined;
  readonly isDeveloped: boolean;
  readonly embeddedWorkers: number | null;
  readonly threads: Threads | undefined;
}

const firstPort = 8000;
const firstTlsPort = 8443;
const firstAdminPort = 2020;
const portTries = 5;
/** Unless --workers says otherwise: each takes a process of some 100 MB, where php-cgi's workers share theirs. */
const embeddedWorkers = 2;

/** Settings of the service that depend on the options alone. */
export function servedWith(
  dir: string | undefined,
  options: ServeOptions,
): Pick<Served, 'dir' | 'isDeveloped' | 'embeddedWorkers' | 'threads'> {
  const isPlain = options.config === undefined;
  return {
    dir,
    threads: options.threads,
    isDeveloped: isPlain,
    embeddedWorkers: isPlain && options.workers === undefined ? embeddedWorkers : null,
  };
}

/** Starts something with what is to be served; where nobody named the port, one that was taken since it was found free makes way for the next. */
export async function startFree<Started>(
  dir: string | undefined,
  options: ServeOptions,
  start: (prepared: Prepared) => Promise<Started>,
): Promise<Started> {
  for (let tries = 1; ; tries += 1) {
    const prepared = await prepare(dir, options);
    try {
      return await start(prepared);
    } catch (error) {
      const isNamed = [options.config, options.listen ?? options.port, options.admin].some((one) => one !== undefined);
      const isTaken = error instanceof PosternError && error.code === 'ADDRESS_IN_USE';
      if (!isTaken || isNamed || tries === portTries)
        throw options.config === undefined ? inOptions(error, options) : error;
    }
  }
}

/** What a configuration would be told to change is an option here. */
function inOptions(error: unknown, { admin }: ServeOptions): unknown {
  if (!(error instanceof PosternError) || admin === undefined || !error.message.startsWith(`${admin} `)) return error;
  const message = error.message.replace(
    /(?:choose another listen in \[admin\]|stop what listens there, or choose another address|listen elsewhere)$/,
    'choose another address with --admin',
  );
  return message === error.message ? error : new PosternError(error.code, message, { cause: error });
}

async function prepare(dir: string | undefined, options: ServeOptions): Promise<Prepared> {
  if (options.config !== undefined) {
    const other = given(options)[0];
    if (dir !== undefined || other !== undefined) {
      throw new UsageError(
        `${dir === undefined ? `--${other}` : `"${dir}"`} and -c do not go together: write it into the configuration`,
      );
    }
    const { readConfig } = await import('../config/config-file.ts');
    return { config: await readConfig(options.config), what: null, notes: [] };
  }
  const path = resolve(dir ?? '.');
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new UsageError(`there is no folder ${path}`);
  const { listen, notes } = await listenOf(options);
  const admin = options.admin ?? `127.0.0.1:${await freePort('127.0.0.1', firstAdminPort)}`;
  const { php, workers, fallback, ini } = options;
  const local = options.tls === true ? await localTls() : null;
  const choices = { listen, admin, php, workers, fallback, ini, tls: local?.files };
  const toldOfTls = local === null ? [] : local.notes;
  if (stat.isFile()) {
    if (!/\.[cm]?[jt]s$/.test(path)) throw new UsageError(`${path} is not a folder, nor an application (.ts, .js)`);
    const other = given(options).find((name) => ['php', 'fallback', 'ini'].includes(name));
    if (other !== undefined) throw new UsageError(`--${other} is for a folder with PHP: ${path} is an application`);
    return {
      config: defineConfig(appConfig(path, dirname(path), choices), dirname(path)),
      what: 'application',
      notes: [...notes, ...toldOfTls],
    };
  }
  const recognised = recognise(path);
  const hint = existsSync(join(path, 'postern.toml')) ? ['there is a postern.toml here: postern run uses it'] : [];
  return {
    config: defineConfig(folderConfig(recognised, choices), path),
    what: recognised.what,
    notes: [...notes, ...toldOfTls, ...recognised.notes, ...hint],
  };
}

/** The options that say what is served. */
function given(options: ServeOptions): string[] {
  const names = ['listen', 'port', 'tls', 'php', 'workers', 'admin', 'fallback', 'ini'] as const;
  return names.filter((name) => options[name] !== undefined && options[name] !== '' && String(options[name]) !== '');
}

/** The address that was asked for, or else the first free port. */
async function listenOf({ listen, port, tls }: ServeOptions): Promise<{ listen: string; notes: string[] }> {
  if (tls === true && listen !== undefined && /^(?!https:)[a-z+]+:/.test(listen))
    throw new UsageError(`--tls is for ports: ${listen} is none`);
  if (listen !== undefined) return { listen, notes: [] };
  if (port !== undefined) return { listen: `127.0.0.1:${port}`, notes: [] };
  const first = tls === true ? firstTlsPort : firstPort;
  const free = await freePort('127.0.0.1', first);
  const notes = free === first ? [] : [`port ${first} is in use, so ${free} was taken: choose one with --port`];
  return { listen: `127.0.0.1:${free}`, notes };
}
