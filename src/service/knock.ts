// Looks whether anybody answers at an address, without saying anything to them.

import { connect } from 'node:net';
import type { Address } from '../connection/address.ts';

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
