// Who serves when Postern is started as root: the user that the service becomes.

import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PosternError } from '../errors.ts';
import { type Account, Users } from '../worker/user.ts';

/** Who serves where nobody else is named: the first of them that this system has. */
const usual = ['www-data', 'nobody'];

/**
 * The user that is to serve; null: this process serves itself, since it is not root or is to stay so.
 * @param named in the configuration or on the command line; undefined: nobody is
 * @throws CONFIG_INVALID where there is no such user
 */
export function whoServes(named: string | undefined): Account | null {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return null;
  const users = new Users();
  if (named !== undefined) {
    const account = users.accountOf(named);
    if (account?.id === '0') return null;
    if (account !== null) return account;
    throw new PosternError(
      'CONFIG_INVALID',
      `there is no user "${named}" to serve: create it, or change user in [service]`,
    );
  }
  for (const name of usual) {
    const account = users.accountOf(name);
    if (account !== null) return account;
  }
  throw new PosternError(
    'CONFIG_INVALID',
    `nobody is there to serve but root (neither ${usual.join(' nor ')}): set user in [service]; user = "root" is root itself`,
  );
}

/**
 * Refuses a configuration that the one who serves could change: what he writes there would be done as root.
 * @param path absolute
 * @throws CONFIG_INVALID
 */
export function checkOutOfReach(path: string, account: Account): void {
  for (let at = path; ; at = dirname(at)) {
    const status = at === path ? statSync(at) : lstatSync(at);
    const isMine =
      String(status.uid) === account.id || (String(status.gid) === account.group && (status.mode & 0o020) !== 0);
    // In a folder with the sticky bit, such as /tmp, only its owner can put another file in the place of one.
    const isOpen = (status.mode & 0o002) !== 0 && (status.mode & 0o1000) === 0;
    if (isMine || isOpen) {
      throw new PosternError(
        'CONFIG_INVALID',
        `${at} can be changed by ${account.name}, who serves, and what ${path} says is done as root: chown it to root, or chmod go-w`,
      );
    }
    if (at === '/') return;
  }
}
