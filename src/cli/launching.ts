// Started as root: this process becomes the launcher, which keeps root and starts the service as somebody else.

import { chmodSync, chownSync } from 'node:fs';
import type { ReadConfig } from '../config/config.ts';
import { runtimeBases } from '../control/runtime-base.ts';
import { Launcher } from '../launcher/launcher.ts';
import type { Log } from '../log.ts';
import { ShellGuard } from '../worker/guard.ts';
import { openRuntimeDirectory } from '../worker/runtime-directory.ts';
import { openSpawner } from '../worker/spawner.ts';
import type { BegunLaunch } from './begin-launch.ts';
import { type LaunchChoices, launchConfig } from './launch-config.ts';
import { handleSignals } from './signals.ts';

/** What is launched. */
export interface Launching {
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

/**
 * Launches it, and waits for its end.
 * @returns the exit status of the service
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function launch({ start, sockets, first }: BegunLaunch, launching: Launching): Promise<number> {
  const { read, asRoot, embeddedWorkers, threads, log, takeLog, extra } = launching;
  const { becoming } = start;
  const choices = { becoming, asRoot, embeddedWorkers, threads };
  const base = runtimeBases()[0]!;
  const guard = new ShellGuard();
  const directory = openRuntimeDirectory(base, log, guard.mark);
  // The service passes through to the sockets in it, of which each says who may connect; it sees no names, and changes nothing.
  chmodSync(base, 0o711);
  chownSync(directory.path, 0, Number(becoming.account.group));
  chmodSync(directory.path, 0o710);
  const marked = guard.ownProcess();
  const spawner = openSpawner(guard, becoming.setpriv);
  const launcher = new Launcher({
    ...{ start, sockets, spawner, log, takeLog, extra },
    directory: directory.path,
    read: async () => launchConfig(await launching.readAgain(), choices),
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
    return await launcher.run(first, async () => {
      const [config] = await Promise.all([launchConfig(read, choices), marked]);
      // Beside the service, which is not waited for here.
      setImmediate(directory.clear);
      return config;
    });
  } finally {
    forget();
    await directory.clear();
    directory.close();
    spawner.close();
    await guard.close();
  }
}
