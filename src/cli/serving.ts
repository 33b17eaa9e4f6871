// The life of what `postern serve` serves: its configuration, found out or read; the service; and what is told of it.

import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Config, defineConfig } from '../config/config.ts';
import { PosternError } from '../errors.ts';
import type { FindPhp } from '../php/find-php.ts';
import type { ServiceOptions } from '../service/deployment.ts';
import { createService, type Service } from '../service/service.ts';
import { formatBanner } from './banner.ts';
import { exit, UsageError } from './exit-status.ts';
import { freePort } from './free-port.ts';
import { accessLine, clockTime, humanLog } from './human-log.ts';
import { live, StopAsked } from './lifetime.ts';
import { beginOpening } from './opening.ts';
import { recognise } from './recognise.ts';
import type { ServeOptions } from './serve-command.ts';
import { appConfig, folderConfig } from './serve-config.ts';
import type { Output, Terminal } from './terminal.ts';

/** What is to be served. */
export interface Serving {
  readonly dir: string | undefined;
  readonly options: ServeOptions;
  /** PHP that is being looked for already; null: it is not. */
  readonly findPhp: FindPhp | null;
  readonly terminal: Terminal;
}

/** A configuration to serve, and what is to be said of it. */
interface Prepared {
  readonly config: Config;
  readonly what: string | null;
  readonly notes: readonly string[];
}

const firstPort = 8000;
const firstAdminPort = 2020;
const portTries = 5;
/** Unless --workers says otherwise: each takes a process of some 100 MB, where php-cgi's workers share theirs. */
const embeddedWorkers = 2;

/** Serves until a signal or `postern stop` ends it. */
export async function serve({ dir, options, findPhp, terminal: { out, err } }: Serving): Promise<void> {
  const stopAsked = new StopAsked();
  const opening = beginOpening(out);
  const { service, what, notes } = await startFree(dir, options, {
    log: humanLog(err, 'warn'),
    asRoot: 'warn',
    threads: options.threads,
    isDeveloped: options.config === undefined,
    ...(findPhp === null ? {} : { findPhp }),
    ...(options.workers === undefined && options.config === undefined ? { embeddedWorkers } : {}),
    onAccess: (access) => opening.write(`${accessLine(access, out.paint)}\n`),
    onStopAsked: stopAsked.ask,
  }).catch((error: unknown) => {
    opening.end('');
    throw error;
  });
  opening.end(formatBanner({ status: service.status(), plans: service.plans, what, notes }, out.paint, out.width));
  const stopWatching = what === 'application' ? await startAnewWhenChanged(service, dir, out) : () => {};
  const isPeaceful = await live({ service, output: out, reopenLogs: () => {} }, stopAsked);
  stopWatching();
  process.exitCode = isPeaceful ? exit.fine : exit.failed;
}

/** An application keeps its code in memory: with its files it is started anew, and goes on as it was where that fails. */
async function startAnewWhenChanged(service: Service, app: string | undefined, out: Output): Promise<() => void> {
  const { watchFiles } = await import('./watching.ts');
  return watchFiles(dirname(resolve(app ?? '.')), (name) => {
    // What goes wrong is in the log.
    void service.reload(['*']).then(({ ok }) => {
      if (ok) out.write(`${out.paint('dim', clockTime())}  ${name} changed: the application was started anew\n`);
    });
  });
}

/** Starts it; where nobody named the port, one that was taken since it was found free makes way for the next. */
async function startFree(
  dir: string | undefined,
  options: ServeOptions,
  serviceOptions: ServiceOptions,
): Promise<Omit<Prepared, 'config'> & { service: Service }> {
  for (let tries = 1; ; tries += 1) {
    const { config, what, notes } = await prepare(dir, options);
    const service = createService(config, serviceOptions);
    try {
      await service.start();
      return { service, what, notes };
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
    /(?:choose another listen in \[admin\]|listen elsewhere)$/,
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
  const choices = { listen, admin, php, workers, fallback, ini };
  if (stat.isFile()) {
    if (!/\.[cm]?[jt]s$/.test(path)) throw new UsageError(`${path} is not a folder, nor an application (.ts, .js)`);
    const other = given(options).find((name) => ['php', 'fallback', 'ini'].includes(name));
    if (other !== undefined) throw new UsageError(`--${other} is for a folder with PHP: ${path} is an application`);
    return { config: defineConfig(appConfig(path, dirname(path), choices), dirname(path)), what: 'application', notes };
  }
  const recognised = recognise(path);
  const hint = existsSync(join(path, 'postern.toml')) ? ['there is a postern.toml here: postern run uses it'] : [];
  return {
    config: defineConfig(folderConfig(recognised, choices), path),
    what: recognised.what,
    notes: [...notes, ...recognised.notes, ...hint],
  };
}

/** The options that say what is served. */
function given(options: ServeOptions): string[] {
  const names = ['listen', 'port', 'php', 'workers', 'admin', 'fallback', 'ini'] as const;
  return names.filter((name) => options[name] !== undefined && options[name] !== '' && String(options[name]) !== '');
}

/** The address that was asked for, or else the first free port. */
async function listenOf({ listen, port }: ServeOptions): Promise<{ listen: string; notes: string[] }> {
  if (listen !== undefined) return { listen, notes: [] };
  if (port !== undefined) return { listen: `127.0.0.1:${port}`, notes: [] };
  const free = await freePort('127.0.0.1', firstPort);
  const notes = free === firstPort ? [] : [`port ${firstPort} is in use, so ${free} was taken: choose one with --port`];
  return { listen: `127.0.0.1:${free}`, notes };
}
