// `postern run` as root: the launcher, and the log that it keeps open.

import { resolve } from 'node:path';
import { type ReadConfig, sound } from '../config/config.ts';
import { readAtStart } from '../config/config-apart.ts';
import { checkOutOfReach } from '../launcher/who-serves.ts';
import type { Account } from '../worker/user.ts';
import type { LaunchChoices } from './launch-config.ts';
import type { LaunchedCommand } from './launched-service.ts';
import { launch } from './launching.ts';
import { isLogFile, openLog } from './log-file.ts';

/** Runs it. @returns the exit status @throws ADDRESS_IN_USE, CONFIG_INVALID */
export async function launchRun(
  file: string,
  read: ReadConfig,
  account: Account,
  { asRoot, threads }: Pick<LaunchChoices, 'asRoot' | 'threads'>,
): Promise<number> {
  const path = resolve(file);
  checkOutOfReach(path, account);
  const config = sound(read);
  // The access logs of sites are the service's: opened here, they would be root's alone.
  const { log, take, reopen, close } = openLog({ ...config, values: { ...config.values, site: {} } });
  process.once('exit', close);
  process.title = `postern: launcher, ${path}`;
  const isLogTaken = isLogFile(config);
  const extra: LaunchedCommand = { command: 'run', launcher: process.pid, isLogTaken, threads };
  return launch({
    ...{ account, read, asRoot, threads, log, extra },
    embeddedWorkers: null,
    takeLog: isLogTaken ? take : null,
    reopenLogs: reopen,
    readAgain: async () => {
      checkOutOfReach(path, account);
      // From the top, whatever folder this process is in by now.
      return readAtStart(path);
    },
  });
}
