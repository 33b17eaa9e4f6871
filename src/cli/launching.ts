// Started as root: this process becomes the launcher, which keeps root and starts the service as somebody else.

import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadConfig } from '../config/config.ts';
import { stateFolder } from '../config/state-folder.ts';
import { runtimeBases } from '../control/runtime-base.ts';
import { PosternError } from '../errors.ts';
import { Launcher } from '../launcher/launcher.ts';
import { whyNot } from '../launcher/service-process.ts';
import type { Log } from '../log.ts';
import { ShellGuard } from '../worker/guard.ts';
import { programUmask } from '../worker/program.ts';
import { openRuntimeDirectory } from '../worker/runtime-directory.ts';
import { findSetpriv, openSpawner } from '../worker/spawner.ts';
import type { Account } from '../worker/user.ts';
import { type LaunchChoices, launchConfig } from './launch-config.ts';
import { handleSignals } from './signals.ts';

/** What is launched. */
export interface Launching {
  readonly account: Account;
  readonly read: ReadConfig;
  readonly asRoot: LaunchChoices['asRoot'];
  readonly embeddedWorkers: number | null;
  readonly threads: LaunchChoices['threads'];
  readonly log: Log;
  /** Takes the lines of the service's log; null: they go to standard output. */
  readonly takeLog: ((lines: Buffer) => void) | null;
  readonly reopenLogs: () => void;
  /** Reads the configuration again. */
  readonly readAgain: () => Promise<ReadConfig>;
  /** For the service. JSON. */
  readonly extra: unknown;
}

/** What runs as the service: as TypeScript from a checkout, as JavaScript when built. */
export const entry = fileURLToPath(new URL(`./launched-service${extname(import.meta.url)}`, import.meta.url));

/**
 * Launches it, and waits for its end.
 * @returns the exit status of the service
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function launch(launching: Launching): Promise<number> {
  const { account, read, asRoot, embeddedWorkers, threads, log } = launching;
  const setpriv = await findSetpriv();
  if (setpriv === null) {
    throw new PosternError(
      'CONFIG_INVALID',
      'to serve as another user than root takes setpriv(1): install util-linux, or set user = "root" in [service]',
    );
  }
  const why = whyNot(setpriv, account, [entry]);
  if (why !== null) {
    throw new PosternError(
      'CONFIG_INVALID',
      `${account.name}, who is to serve, ${why}: install Node and Postern where everybody can read them, such as below /usr/local, or set user in [service]; user = "root" runs all of it as root`,
    );
  }
  const choices = { account, setpriv, asRoot, embeddedWorkers, threads };
  const config = await launchConfig(read, choices);
  const base = runtimeBases()[0]!;
  process.umask(programUmask);
  const guard = new ShellGuard();
  const [directory] = await Promise.all([openRuntimeDirectory(base, log, guard.mark), guard.ownProcess()]);
  guard.watch();
  // The service passes through to the sockets in it, of which each says who may connect; it sees no names, and changes nothing.
  chmodSync(base, 0o711);
  chownSync(directory.path, 0, Number(account.group));
  chmodSync(directory.path, 0o710);
  const ownBase = `${base}-${account.id}`;
  makeFolderFor(account, ownBase);
  const spawner = openSpawner(setpriv, guard);
  const launcher = new Launcher(config, {
    ...{ setpriv, spawner, account, entry, log },
    directory: directory.path,
    env: environmentOf(account, ownBase),
    cwd: '/',
    takeLog: launching.takeLog,
    read: async () => launchConfig(await launching.readAgain(), choices),
    extra: launching.extra,
  });
  const forget = handleSignals({
    stop: (signal) => launcher.stop(signal),
    stopNow: (signal) => launcher.stop(signal),
    reload: async () => launcher.reload(),
    reopenLogs: () => {
      launching.reopenLogs();
      launcher.reopenLogs();
    },
  });
  try {
    return await launcher.run();
  } finally {
    forget();
    directory.close();
    spawner.close();
    await guard.close();
  }
}

/** What the service sees of our environment: all but what is root's own. */
function environmentOf({ name, home }: Account, runtime: string): Record<string, string> {
  const own = {
    HOME: home,
    USER: name,
    LOGNAME: name,
    POSTERN_RUNTIME_DIR: runtime,
    XDG_CACHE_HOME: `${runtime}/cache`,
    // Without it the service, which Node starts directly, would compile all of itself at each start.
    NODE_COMPILE_CACHE: `${runtime}/cache/postern`,
    // Where root keeps what the service is to find again.
    STATE_DIRECTORY: stateFolder(),
  };
  const kept = Object.entries(process.env).filter(
    ([key, value]) => value !== undefined && !/^(?:SUDO_|XDG_|NODE_CHANNEL_|MAIL$|SHELL$|PWD$|OLDPWD$)/.test(key),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...own };
}

/** The folder where the service has its control socket: its own, and nobody else's. @throws CONFIG_INVALID */
function makeFolderFor({ id, group, name }: Account, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, Number(id), Number(group));
  }
  const status = lstatSync(path);
  if (status.isDirectory() && String(status.uid) === id && (status.mode & 0o022) === 0) return;
  throw new PosternError('CONFIG_INVALID', `${path} is not a folder that only ${name} can write to: remove it`);
}
