// Listens on an address, for whatever is spoken there; and says in words what to do about one that cannot be had.

import { chmodSync } from 'node:fs';
import type { ListenOptions, Server } from 'node:net';
import { PosternError } from '../errors.ts';
import { type Address, formatAddress } from './address.ts';
import { removeDeadSocket } from './knock.ts';

/** A descriptor that is a listening socket already. */
export interface InheritedSocket {
  readonly fd: number;
}

/** One that is bound already, where that is known. */
export interface BoundSocket extends InheritedSocket {
  readonly address: Address;
}

/** Binds sockets for whoever may not bind them himself, or whom they shall outlive. */
export interface Binder {
  /**
   * @param listen an address as the configuration has it
   * @param count of threads that will listen: each is given a descriptor of its own, of the same socket. Who listens on one closes it.
   * @param known where it was bound before, for more descriptors of that socket
   * @throws ADDRESS_IN_USE, CONFIG_INVALID
   */
  bind(listen: string, count: number, known?: Address): Promise<readonly BoundSocket[]>;
  /** Nobody listens there any more: who connects is to be refused. @param address as it was given */
  release(listen: string, address: Address): void;
}

/** How to listen. */
export interface ListenChoice {
  /** Connections that the kernel holds before they are accepted; its own limit (4096 on Linux) holds beside it. @default 511 */
  readonly backlog?: number | undefined;
  /** Whether other sockets may listen on the same port, each with its share of the connections (SO_REUSEPORT). @default false */
  readonly reusePort?: boolean | undefined;
  /** Permissions of a socket file. @default 0o660 */
  readonly mode?: number | undefined;
}

type ListeningServer = Pick<Server, 'listen' | 'address' | 'once' | 'off'>;

/**
 * Makes a server listen. A socket file that a dead server left is removed.
 * @returns the address, with the port that was found for port 0; null for a socket that was inherited, of which it is not known
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function listenOn<Where extends Address | InheritedSocket>(
  server: ListeningServer,
  where: Where,
  choice: ListenChoice = {},
): Promise<Where extends Address | BoundSocket ? Address : null> {
  return (await listening(server, where, choice)) as Where extends Address | BoundSocket ? Address : null;
}

async function listening(
  server: ListeningServer,
  where: Address | InheritedSocket | BoundSocket,
  { backlog, reusePort, mode = 0o660 }: ListenChoice,
): Promise<Address | null> {
  const isFile = 'kind' in where && where.kind === 'unix';
  const target: ListenOptions & { fd?: number } =
    'fd' in where ? { fd: where.fd } : isFile ? { path: where.path } : { host: where.host, port: where.port };
  if (backlog !== undefined) target.backlog = backlog;
  if (reusePort === true) target.reusePort = true;
  if (isFile) await removeDeadSocket(where.path);
  await new Promise<void>((resolve, reject) => {
    // Whoever bound it may have been one of two: only who listens first has it.
    const asked = 'address' in where ? where.address : where;
    const place = 'fd' in asked ? `descriptor ${asked.fd}` : formatAddress(asked);
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(error, place));
    server.once('error', failed);
    server.listen(target, () => {
      server.off('error', failed);
      resolve();
    });
  });
  if ('fd' in where) return 'address' in where ? where.address : null;
  if (isFile) {
    chmodSync(where.path, mode);
    return where;
  }
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? { ...where, port: bound.port } : where;
}

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
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'the name cannot be resolved: write an IP address, or mend /etc/hosts or the DNS';
  if (code !== 'EACCES') return message;
  return /:\d+$/.test(where)
    ? 'permission denied: a port below 1024 wants root or CAP_NET_BIND_SERVICE; choose a higher one'
    : 'permission denied: the folder of the socket must be one that may be written to';
}
