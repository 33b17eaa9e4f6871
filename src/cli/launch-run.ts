// `postern run` as root: the launcher, and the log that it keeps open.

import { type ReadConfig, sound } from '../config/config.ts';
import { readAtStart } from '../config/config-apart.ts';
import { checkOutOfReach } from '../launcher/who-serves.ts';
import type { BegunLaunch } from './begin-launch.ts';
import type { LaunchChoices } from './launch-config.ts';
import type { LaunchedCommand } from './launched-service.ts';
import { launch } from './launching.ts';
import { openLog } from './log-file.ts';
import { isLogFile } from './log-place.ts';

/**
 * Runs it.
 * @param path of the configuration, absolute
 * @returns the exit status
 * @throws CONFIG_INVALID
 */
export async function launchRun(
  begun: BegunLaunch,
  path: string,
  read: ReadConfig,
  { asRoot, threads }: Pick<LaunchChoices, 'asRoot' | 'threads'>,
): Promise<number> {
  const config = sound(read);
  // The access logs of sites are the service's: opened here, they would be root's alone.
  const { log, take, reopen, close } = openLog({ ...config, values: { ...config.values, site: {} } });
  process.once('exit', close);
  process.title = `postern: launcher, ${path}`;
  const isLogTaken = isLogFile(config);
  const extra: LaunchedCommand = { command: 'run', launcher: process.pid, isLogTaken, threads };
  return launch(begun, {
    ...{ read, asRoot, threads, log, extra },
    embeddedWorkers: null,
    takeLog: isLogTaken ? take : null,
    reopenLogs: reopen,
    readAgain: async () => {
      checkOutOfReach(path, begun.start.becoming.account);
      // From the top, whatever folder this process is in by now.
      return readAtStart(path);
    },
  });
}
