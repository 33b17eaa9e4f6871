// Who may connect to a socket file: its owner, group and mode, as the configuration says.

import { chmodSync, chownSync } from 'node:fs';
import type { ListenValues } from '../config/site-schema.ts';
import type { Address } from '../connection/address.ts';
import { PosternError } from '../errors.ts';
import { Users } from '../worker/user.ts';

/** What an address says of its socket file. */
export type SocketAccess = Pick<ListenValues, 'owner' | 'group' | 'mode'>;

/**
 * Sets them; nothing where the address is no socket file. Owner and group first: the mode then never lets in whom it is not for.
 * @throws CONFIG_INVALID when this user may not
 */
export function setSocketAccess(address: Address, { owner, group, mode }: SocketAccess): void {
  if (address.kind !== 'unix') return;
  const users = new Users();
  const account = owner === undefined ? null : users.accountOf(owner);
  const groupId = group === undefined ? account?.group : users.groupNamed(group);
  try {
    if (owner !== undefined || group !== undefined)
      chownSync(address.path, Number(account?.id ?? -1), Number(groupId ?? -1));
    chmodSync(address.path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const who = [owner, group].filter((name) => name !== undefined).join(' and ');
    const why = code === 'EPERM' ? `this user may not give it to ${who}` : (error as Error).message;
    throw new PosternError('CONFIG_INVALID', `the socket file ${address.path}: ${why}`, { cause: error });
  }
}
