// The users that programs may run as: those of /etc/passwd, which is read once for all that are asked for, and those that only id(1) knows of.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The users as they were when the first was asked for. Make another one to look again. */
export class Users {
  readonly #path: string;
  #groups: Map<string, string | null> | null = null;

  /** @param path for tests. @default /etc/passwd */
  constructor(path = '/etc/passwd') {
    this.#path = path;
  }

  /** The number of a user's group; null: this system has no such user. */
  groupOf(user: string): string | null {
    this.#groups ??= groupsOf(this.#path);
    let group = this.#groups.get(user);
    if (group === undefined) {
      group = askForGroup(user);
      this.#groups.set(user, group);
    }
    return group;
  }
}

/** "name:password:uid:gid:..." a line: passwd(5). */
function groupsOf(path: string): Map<string, string> {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    // The first of a name counts. A line of NIS ("+name::::") stands for what id(1) knows.
    return new Map(
      lines
        .map((line) => line.split(':'))
        .filter(([name = '', , , group = '']) => /^[^+-]/.test(name) && /^\d+$/.test(group))
        .reverse()
        .map(([name, , , group]) => [name!, group!]),
    );
  } catch {
    return new Map(); // not of this kind
  }
}

/** A process for each that is asked: some milliseconds in which everything stands still. */
function askForGroup(user: string): string | null {
  const { stdout, status } = spawnSync('id', ['-g', '--', user], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
