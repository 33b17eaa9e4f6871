// `postern run` as root: the first steps. Little is loaded before the service is started, and the rest while that loads.

import { resolve } from 'node:path';
import { type ReadConfig, sound } from '../config/config.ts';
import { PosternError } from '../errors.ts';
import { type Becoming, type Trial, tryToBecome } from '../launcher/becoming.ts';
import { checkOutOfReach } from '../launcher/who-serves.ts';
import type { Account } from '../worker/user.ts';
import { abandonLaunch, beginLaunch, serviceEntry, toInherit } from './begin-launch.ts';
import type { LaunchChoices } from './launch-config.ts';
import { isLogFile } from './log-place.ts';

/**
 * Runs it by a launcher, until the end.
 * @param file the configuration
 * @returns the exit status
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function runAsRoot(
  file: string,
  read: ReadConfig,
  account: Account,
  choices: Pick<LaunchChoices, 'asRoot' | 'threads'>,
): Promise<number> {
  const path = resolve(file);
  checkOutOfReach(path, account);
  const config = sound(read);
  const becoming = becomingOf(account, await tryToBecome(account, [serviceEntry]));
  const begun = await beginLaunch(becoming, toInherit(read, choices.threads), isLogFile(config) ? 'pipe' : 'inherit');
  try {
    const { launchRun } = await import('./launch-run.ts');
    return await launchRun(begun, path, read, choices);
  } catch (error) {
    await abandonLaunch(begun);
    throw error;
  }
}

/** @throws CONFIG_INVALID */
function becomingOf({ name }: Account, trial: Trial): Becoming {
  if ('becoming' in trial) return trial.becoming;
  const { why, mend } = trial;
  throw new PosternError(
    'CONFIG_INVALID',
    `${name}, who is to serve, ${why}: ${mend}; user = "root" in [service] runs all of it as root`,
  );
}
