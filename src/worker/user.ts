// The users that programs may run as.

import { spawnSync } from 'node:child_process';

/** The number of a user's group; null: this system has no such user. Asks id(1), which knows of users that stand in no file. */
export function groupOf(user: string): string | null {
  const { stdout, status } = spawnSync('id', ['-g', '--', user], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
