// `postern serve` as root: who serves, and the launcher.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ReadConfig } from '../config/config.ts';
import { whyNot } from '../launcher/service-process.ts';
import { whoServes } from '../launcher/who-serves.ts';
import { findSetpriv } from '../worker/spawner.ts';
import type { Account } from '../worker/user.ts';
import { UsageError } from './exit-status.ts';
import { humanLog } from './human-log.ts';
import type { LaunchedCommand } from './launched-service.ts';
import { entry, launch } from './launching.ts';
import type { ServeOptions } from './serve-command.ts';
import { type Prepared, servedWith, startFree } from './serve-preparation.ts';
import type { Terminal } from './terminal.ts';

/** Who serves; a note on it for who reads the terminal. */
export interface Server {
  /** null: this process. */
  readonly account: Account | null;
  readonly note: string | null;
}

/**
 * Who serves a folder. Where nobody is named it is the folder's owner, as if he had started it, unless that is root; and root itself
 * where the one who is to serve cannot read what is to be served: this command is for trying, and is to work in a root's own folder, too.
 * @throws CONFIG_INVALID, UsageError
 */
export async function serverOf(dir: string | undefined, { user, config }: ServeOptions): Promise<Server> {
  if (process.getuid?.() !== 0) return { account: null, note: null };
  const path = resolve(config ?? dir ?? '.');
  const owner = config === undefined ? (statSync(path, { throwIfNoEntry: false })?.uid ?? 0) : 0;
  const account = whoServes(user ?? (await configured(config)) ?? (owner === 0 ? undefined : String(owner)));
  if (account === null) return { account, note: null };
  const setpriv = await findSetpriv();
  const why = setpriv === null ? 'takes setpriv(1), which is missing' : whyNot(setpriv, account, [entry, path]);
  if (why === null) return { account, note: `started as root: ${account.name} serves, and runs the programs (--user)` };
  if (user !== undefined) throw new UsageError(`--user ${user}: ${account.name} ${why}`);
  return { account: null, note: `all of it runs as root, since ${account.name} ${why}: for trying only` };
}

async function configured(config: string | undefined): Promise<string | undefined> {
  if (config === undefined) return undefined;
  const { readConfig } = await import('../config/config-file.ts');
  return (await readConfig(config)).values.service.user;
}

/** Serves it. @returns the exit status */
export async function launchServe(
  account: Account,
  dir: string | undefined,
  options: ServeOptions,
  note: string | null,
  { err }: Terminal,
): Promise<number> {
  const log = humanLog(err, 'warn');
  process.title = `postern: launcher, ${options.config ?? resolve(dir ?? '.')}`;
  const with_ = servedWith(dir === undefined ? undefined : resolve(dir), options);
  return startFree(dir, options, async (prepared) => {
    const read = await readOf(prepared, options);
    const { what, notes } = prepared;
    const extra: LaunchedCommand = {
      command: 'serve',
      served: { what, notes: [...notes, ...(note === null ? [] : [note])], ...with_ },
    };
    return launch({
      ...{ account, read, log, extra },
      asRoot: 'refuse',
      embeddedWorkers: with_.embeddedWorkers,
      threads: options.threads,
      takeLog: null,
      reopenLogs: () => {},
      readAgain: () => readOf(prepared, options),
    });
  });
}

async function readOf({ config }: Prepared, { config: file }: ServeOptions): Promise<ReadConfig> {
  if (file !== undefined) return (await import('../config/config-file.ts')).readFileOf(file);
  const origin = { shown: 'configuration', file: null, folder: config.folder, text: null };
  return { values: config.values, problems: [], origin };
}
