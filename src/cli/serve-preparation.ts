// What `postern serve` is to serve, found out or read: a configuration, and what is to be said of it.

import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { defineConfig } from '../config/define-config.ts';
import type { Threads } from '../config/thread-count.ts';
import { UsageError } from './exit-status.ts';
import { localTls } from './local-tls.ts';
import { recognise } from './recognise.ts';
import type { ServeAddresses } from './serve-addresses.ts';
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

/**
 * Finds out what is to be served.
 * @param addresses where; null: the configuration says it
 * @throws CONFIG_INVALID, UsageError
 */
export async function prepare(
  dir: string | undefined,
  options: ServeOptions,
  addresses: ServeAddresses | null,
): Promise<Prepared> {
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
  const { listen, admin, notes } = addresses!;
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
