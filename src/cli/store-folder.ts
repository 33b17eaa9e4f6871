// The folder of certificates, made by root for the one who serves.

import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PosternError } from '../errors.ts';
import { checkOutOfReach } from '../launcher/who-serves.ts';
import type { Account } from '../worker/user.ts';

/**
 * Makes it where it is not there. What is there stays as it is: whose it is, the service says.
 * @param path absolute
 * @throws CONFIG_INVALID
 */
export function makeStoreFor(account: Account, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    // Where the one who serves may write he makes it himself: between two steps of root he could put something else there.
    if (isWithinReach(dirname(path), account)) return;
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, Number(account.id), Number(account.group));
  } catch (error) {
    throw new PosternError(
      'CONFIG_INVALID',
      `the folder of certificates cannot be made: ${(error as Error).message}; see store in [acme]`,
    );
  }
}

function isWithinReach(folder: string, account: Account): boolean {
  try {
    checkOutOfReach(folder, account);
    return false;
  } catch {
    return true;
  }
}
