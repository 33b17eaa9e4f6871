// Looks whether anybody answers at an address, without saying anything to them.

import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { Address } from './address.ts';

/** How long a socket file's server may take to be told from a dead one. */
const SOCKET_FILE_LIMIT_MS = 1_000;

/** @returns null when somebody does; else why the connection failed. `ETIMEDOUT` after so long */
export function knock(address: Address, limitMs: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const socket = address.kind === 'unix' ? connect(address.path) : connect(address.port, address.host);
    const end = (error: NodeJS.ErrnoException | null): void => {
      socket.destroy();
      resolve(error);
    };
    const late = Object.assign(new Error(`no answer within ${limitMs} ms`), { code: 'ETIMEDOUT' });
    socket.setTimeout(limitMs, () => end(late));
    socket.once('connect', () => end(null));
    socket.once('error', end);
  });
}

/**
 * Removes the socket file of a server that is gone: one that was killed left it there. Only a refused connection says so. A server
 * whose backlog is full (EAGAIN), or that is another user's (EACCES), lives: to listen there fails, and says that the address is in use.
 */
export async function removeDeadSocket(path: string): Promise<void> {
  const found = socketFile(path);
  if (found === null) return;
  const error = await knock({ kind: 'unix', path }, SOCKET_FILE_LIMIT_MS);
  // Meanwhile somebody else may have removed it, and listen there.
  if (error?.code === 'ECONNREFUSED' && socketFile(path) === found) unlinkSync(path);
}

/** The inode of a socket file; null where there is none. */
function socketFile(path: string): bigint | null {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stats?.isSocket() === true ? stats.ino : null;
}
