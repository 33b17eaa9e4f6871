// Who the peers run as: nobody special, or the web's account where the bench was started as root.

import { execFileSync } from 'node:child_process';

/** The account that servers and PHP run as; null: the one that runs the bench. */
export const account: string | null = process.getuid?.() === 0 ? 'www-data' : null;

/** Gives `path`, with all below it, to `name`; nothing happens unless the bench runs as root. */
export function giveTo(name: string, path: string): void {
  if (account !== null) execFileSync('chown', ['-R', `${name}:${name}`, path]);
}
