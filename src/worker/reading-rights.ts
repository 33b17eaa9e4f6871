// Whether a user can read a path: the one of this process is asked of the system, another by a process of that user.

import { accessSync, constants, statSync } from 'node:fs';
import { sep } from 'node:path';
import { runShortly } from './short-run.ts';
import { findSetpriv } from './spawner.ts';
import { Users } from './user.ts';

/**
 * Why a user cannot read a path, in words; null: it can, or that is not known.
 * @param user null: the one of this process
 */
export async function whyUnreadable(path: string, user: string | null): Promise<string | null> {
  const steps = stepsTo(path);
  const part = user === null ? firstClosed(steps) : await firstClosedTo(steps, user);
  if (part === null) return null;
  const who = user === null ? 'the user of this service' : `user ${user}`;
  const where = part === path ? 'its permissions' : `permissions of ${part}`;
  return `${who} cannot read ${path} (${where}: ${permissionsOf(part)}): chmod o+x the folders on the way and o+r what is in them, or use a group`;
}

/** "/", "/srv", "/srv/www" */
function stepsTo(path: string): string[] {
  const names = path.split(sep).filter((name) => name !== '');
  return ['/', ...names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)];
}

function firstClosed(steps: readonly string[]): string | null {
  for (const [index, step] of steps.entries()) {
    try {
      accessSync(step, index === steps.length - 1 ? constants.R_OK : constants.X_OK);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EACCES' ? step : null;
    }
  }
  return null;
}

/** Asked as that user, so that its groups and access lists count. The first word is what is to be read, the others the folders on the way. */
const question =
  'last=$1; shift; for part; do [ -x "$part" ] || { printf %s "$part"; exit; }; done; [ -r "$last" ] || printf %s "$last"';

async function firstClosedTo(steps: readonly string[], user: string): Promise<string | null> {
  const setpriv = findSetpriv();
  const account = new Users().accountOf(user);
  const last = statSync(steps.at(-1)!, { throwIfNoEntry: false });
  if (setpriv === null || account === null || process.getuid?.() !== 0 || last === undefined) return null;
  const onTheWay = last.isDirectory() ? steps : steps.slice(0, -1);
  const shell = ['/bin/sh', '-c', question, 'sh', steps.at(-1)!, ...onTheWay];
  const args = ['--reuid', user, '--regid', account.group, '--init-groups', '--', ...shell];
  const { error, stdout } = await runShortly([setpriv, ...args]);
  return error === null && stdout !== '' ? stdout : null;
}

/** As ls(1) shows them: "drwx------, owner 0". */
function permissionsOf(path: string): string {
  const { mode, uid } = statSync(path);
  const bits = [...'rwxrwxrwx'].map((letter, index) => (((mode >> (8 - index)) & 1) === 1 ? letter : '-')).join('');
  return `${(mode & constants.S_IFMT) === constants.S_IFDIR ? 'd' : '-'}${bits}, owner ${uid}`;
}
