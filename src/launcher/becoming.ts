// How a process becomes the one who serves, without any right beyond; whether that works here is tried once, by a process that does it.

import { runShortly } from '../worker/short-run.ts';
import { findSetpriv } from '../worker/spawner.ts';
import type { Account } from '../worker/user.ts';

/** What was found to work. */
export interface Becoming {
  readonly account: Account;
  /** Path of setpriv(1). */
  readonly setpriv: string;
  /** Whether the bounding set can be made smaller. */
  readonly dropsBounds: boolean;
}

/** How it went. */
export type Trial = { readonly becoming: Becoming } | Hindrance;

/** What keeps an account from being the service. */
interface Hindrance {
  /** In words that go on after its name. */
  readonly why: string;
  readonly mend: string;
}

const noSetpriv: Hindrance = { why: 'takes setpriv(1), which is missing', mend: 'install util-linux' };
const noRights: Hindrance = {
  why: 'is nobody that this process can become',
  mend: 'give it CAP_SETUID and CAP_SETGID',
};
const unreadable = (path: string): Hindrance => ({
  why: `cannot read ${path}`,
  mend: 'install Node and Postern where everybody can read them, such as below /usr/local, or set user in [service]',
});

/** $1 and on: files and folders; the first that cannot be read is told. */
const script =
  'for path; do test -r "$path" && { test ! -d "$path" || test -x "$path"; } || { printf %s "$path"; exit; }; done';

/**
 * What makes a process that of an account, without any right beyond. It ends with the one that started it.
 * @param death the signal that it gets then
 */
export function withoutRights({ account, setpriv, dropsBounds }: Becoming, death: 'TERM' | 'KILL'): string[] {
  const { id, group } = account;
  return [
    ...[setpriv, '--pdeathsig', death, '--no-new-privs', '--reuid', id, '--regid', group, '--init-groups'],
    // With CAP_SETPCAP kept from us (a container) the set cannot be made smaller; without new privileges nothing comes of it either way.
    ...(dropsBounds ? ['--bounding-set', '-all'] : []),
    ...['--inh-caps', '-all', '--ambient-caps', '-all', '--'],
  ];
}

/**
 * Tries it: one process, where all is well.
 * @param paths files and folders that the account must be able to read, besides Node
 */
export async function tryToBecome(account: Account, paths: readonly string[]): Promise<Trial> {
  const setpriv = findSetpriv();
  if (setpriv === null) return noSetpriv;
  // It may not be allowed to make the bounding set smaller.
  for (const dropsBounds of [true, false]) {
    const trial = await tried({ account, setpriv, dropsBounds }, [process.execPath, ...paths]);
    if (trial !== null) return trial;
  }
  return noRights;
}

/** @returns null where the process could not be made that of the account */
async function tried(becoming: Becoming, paths: readonly string[]): Promise<Trial | null> {
  const { error, stdout } = await runShortly([
    ...withoutRights(becoming, 'KILL'),
    '/bin/sh',
    '-c',
    script,
    'sh',
    ...paths,
  ]);
  if (error !== null) return null;
  return stdout === '' ? { becoming } : unreadable(stdout);
}
