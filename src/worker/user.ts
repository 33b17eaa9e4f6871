// The users and groups that programs may run as, and socket files belong to: those of /etc/passwd, which is read once for all that are asked for, and those that only getent(1) knows of.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A user of this system. */
export interface Account {
  readonly name: string;
  readonly id: string;
  /** Number of its group. */
  readonly group: string;
  readonly home: string;
}

/** The users as they were when the first was asked for. Make another one to look again. */
export class Users {
  readonly #path: string;
  #accounts: Map<string, Account | null> | null = null;

  /** @param path for tests. @default /etc/passwd */
  constructor(path = '/etc/passwd') {
    this.#path = path;
  }

  /** A user by its name, or its number; null: this system has no such user. */
  accountOf(user: string): Account | null {
    this.#accounts ??= accountsOf(this.#path);
    let account = this.#accounts.get(user);
    if (account === undefined) {
      account = askForAccount(user);
      this.#accounts.set(user, account);
    }
    return account;
  }

  /** The number of a user's group; null: this system has no such user. */
  groupOf(user: string): string | null {
    return this.accountOf(user)?.group ?? null;
  }

  /** The number of a group by its name, or its number; null: this system has no such group. */
  groupNamed(group: string): string | null {
    const { stdout, status } = spawnSync('getent', ['group', '--', group], { encoding: 'utf8' });
    return status === 0 ? groupIn(stdout) : null;
  }
}

/** "name:password:gid:members": group(5). */
function groupIn(line: string): string | null {
  const [, , group = ''] = line.split(':');
  return /^\d+$/.test(group) ? group : null;
}

function accountsOf(path: string): Map<string, Account> {
  try {
    const accounts = readFileSync(path, 'utf8').split('\n').flatMap(readAccount);
    // The first of a name counts.
    return new Map(accounts.reverse().map((account) => [account.name, account]));
  } catch {
    return new Map(); // not of this kind
  }
}

/** "name:password:uid:gid:comment:home:shell": passwd(5). A line of NIS ("+name::::") stands for what getent(1) knows. */
function readAccount(line: string): Account[] {
  const [name = '', , id = '', group = '', , home = ''] = line.split(':');
  return /^[^+-]/.test(name) && /^\d+$/.test(group) ? [{ name, id, group, home }] : [];
}

/** A process for each that is asked: some milliseconds in which everything stands still. */
function askForAccount(user: string): Account | null {
  const { stdout, status } = spawnSync('getent', ['passwd', '--', user], { encoding: 'utf8' });
  return (status === 0 && readAccount(stdout.trim())[0]) || null;
}
