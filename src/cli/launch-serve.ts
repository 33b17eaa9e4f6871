// `postern serve` as root: what it serves, and the launcher.

import { resolve } from 'node:path';
import type { ReadConfig } from '../config/config.ts';
import type { Becoming } from '../launcher/becoming.ts';
import { beginLaunch, toInherit } from './begin-launch.ts';
import { humanLog } from './human-log.ts';
import type { LaunchedCommand } from './launched-service.ts';
import { launch } from './launching.ts';
import type { Begun } from './serve-as-root.ts';
import type { ServeOptions } from './serve-command.ts';
import { type Prepared, prepare, servedWith } from './serve-preparation.ts';
import type { Terminal } from './terminal.ts';

/**
 * Serves it.
 * @param begun what was done already
 * @returns the exit status
 * @throws CONFIG_INVALID, ADDRESS_IN_USE, UsageError
 */
export async function launchServe(
  { becoming, addresses, launch: first }: Begun & { readonly becoming: Becoming },
  dir: string | undefined,
  options: ServeOptions,
  note: string | null,
  { err }: Terminal,
): Promise<number> {
  const log = humanLog(err, 'warn');
  process.title = `postern: launcher, ${options.config ?? resolve(dir ?? '.')}`;
  const prepared = await prepare(dir, options, addresses);
  const { what, notes } = prepared;
  const { threads } = options;
  const with_ = servedWith(dir === undefined ? undefined : resolve(dir), options);
  const read = await readOf(prepared, options);
  const extra: LaunchedCommand = {
    command: 'serve',
    served: { what, notes: [...notes, ...(note === null ? [] : [note])], ...with_ },
  };
  const begun = first ?? (await beginLaunch(becoming, toInherit(read, threads), 'inherit'));
  return launch(begun, {
    ...{ read, log, extra, threads },
    asRoot: 'refuse',
    embeddedWorkers: with_.embeddedWorkers,
    takeLog: null,
    reopenLogs: () => {},
    readAgain: () => readOf(prepared, options),
  });
}

async function readOf({ config }: Prepared, { config: file }: ServeOptions): Promise<ReadConfig> {
  if (file !== undefined) return (await import('../config/config-file.ts')).readFileOf(file);
  const origin = { shown: 'configuration', file: null, folder: config.folder, text: null };
  return { values: config.values, problems: [], origin };
}
