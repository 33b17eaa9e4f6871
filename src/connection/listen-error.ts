// That an address cannot be listened on, in words that say what to do about it. Pure.

import { PosternError } from '../errors.ts';

/** @param where the address as it was asked for, ending in its port where it has one */
export function listenError(cause: NodeJS.ErrnoException, where: string): PosternError {
  return cause.code === 'EADDRINUSE'
    ? new PosternError('ADDRESS_IN_USE', `${where} is in use: stop what listens there, or choose another address`, {
        cause,
      })
    : new PosternError('CONFIG_INVALID', `cannot listen on ${where}: ${listenReason(cause, where)}`, { cause });
}

/** @param where the address as it was asked for, ending in its port where it has one */
export function listenReason({ code, message }: NodeJS.ErrnoException, where: string): string {
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address: listen on one of its own, or on 127.0.0.1';
  if (code !== 'EACCES') return message;
  return /:\d+$/.test(where)
    ? 'permission denied: a port below 1024 wants root or CAP_NET_BIND_SERVICE; choose a higher one'
    : 'permission denied: the folder of the socket must be one that may be written to';
}
