// `postern serve` as root: who serves, and the first steps. Little is loaded before the service is started, and the rest while that loads.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { defaultThreads } from '../config/thread-count.ts';
import { type Becoming, tryToBecome } from '../launcher/becoming.ts';
import { whoServes } from '../launcher/who-serves.ts';
import { abandonLaunch, type BegunLaunch, beginLaunch, configuredAddress, serviceEntry } from './begin-launch.ts';
import { UsageError } from './exit-status.ts';
import { servedAhead } from './php-ahead.ts';
import { type ServeAddresses, startFree } from './serve-addresses.ts';
import type { ServeOptions } from './serve-command.ts';
import type { Terminal } from './terminal.ts';

/** Who serves; a note on it for who reads the terminal. */
interface Server {
  /** null: this process. */
  readonly becoming: Becoming | null;
  readonly note: string | null;
}

/**
 * Serves by a launcher, until the end.
 * @returns the exit status; or, where this process is to serve itself, what is to be said of that
 * @throws CONFIG_INVALID, ADDRESS_IN_USE, UsageError
 */
export async function serveAsRoot(
  dir: string | undefined,
  options: ServeOptions,
  terminal: Terminal,
): Promise<number | { readonly note: string | null }> {
  const { becoming, note } = await serverOf(dir, options);
  if (becoming === null) return { note };
  const begun = await startFree(options, (addresses) => begin(becoming, addresses, dir, options));
  try {
    const { launchServe } = await import('./launch-serve.ts');
    return await launchServe({ becoming, ...begun }, dir, options, note, terminal);
  } catch (error) {
    if (begun.launch !== null) await abandonLaunch(begun.launch);
    throw error;
  }
}

/** What is done before it is known what there is to serve. */
export interface Begun {
  /** null: a configuration says where to listen. */
  readonly addresses: ServeAddresses | null;
  readonly launch: BegunLaunch | null;
}

async function begin(
  becoming: Becoming,
  addresses: ServeAddresses | null,
  dir: string | undefined,
  options: ServeOptions,
): Promise<Begun> {
  if (addresses === null) return { addresses, launch: null };
  const inherited = {
    addresses: [addresses.listen, addresses.admin].map((text) => configuredAddress(text)),
    threads: options.threads ?? defaultThreads,
    ahead: servedAhead(dir, options),
  };
  return { addresses, launch: await beginLaunch(becoming, inherited, 'inherit') };
}

/**
 * Where nobody is named it is the folder's owner, as if he had started it, unless that is root; and root itself where the one who is to
 * serve cannot read what is to be served: this command is for trying, and is to work in a root's own folder, too.
 */
async function serverOf(dir: string | undefined, { user, config }: ServeOptions): Promise<Server> {
  const path = resolve(config ?? dir ?? '.');
  const owner = config === undefined ? (statSync(path, { throwIfNoEntry: false })?.uid ?? 0) : 0;
  const account = whoServes(user ?? (await userIn(config)) ?? (owner === 0 ? undefined : String(owner)));
  if (account === null) return { becoming: null, note: null };
  const trial = await tryToBecome(account, [serviceEntry, path]);
  if ('becoming' in trial) {
    const { becoming } = trial;
    return { becoming, note: `started as root: ${account.name} serves, and runs the programs (--user)` };
  }
  if (user !== undefined) throw new UsageError(`--user ${user}: ${account.name} ${trial.why}: ${trial.mend}`);
  return { becoming: null, note: `all of it runs as root, since ${account.name} ${trial.why}: for trying only` };
}

async function userIn(config: string | undefined): Promise<string | undefined> {
  if (config === undefined) return undefined;
  const { readConfig } = await import('../config/config-file.ts');
  return (await readConfig(config)).values.service.user;
}
