// Whether an address that nobody listens on could be listened on: tried, and given back at once.

import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Address } from '../connection/address.ts';

/** Why it cannot be, and what to do. */
export interface Unbindable {
  readonly message: string;
  readonly mend: string;
}

/** null: it can. A socket file is not made: where it would be, others may look. */
export async function whyUnbindable(address: Address): Promise<Unbindable | null> {
  return address.kind === 'unix' ? whyNoSocketFile(address.path) : whyNoPort(address.host, address.port);
}

function whyNoSocketFile(path: string): Unbindable | null {
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT';
    const message = isThere ? `this user cannot write to ${folder}` : `the folder ${folder} is not there`;
    return { message, mend: isThere ? 'give the folder to the user who runs it' : 'create it' };
  }
}

function whyNoPort(host: string, port: number): Promise<Unbindable | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(reasonFor(error, host, port)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function reasonFor({ code, message }: NodeJS.ErrnoException, host: string, port: number): Unbindable {
  switch (code) {
    case 'EACCES':
      return {
        message: `this user may not listen on port ${port}`,
        mend: 'start as root, or with CAP_NET_BIND_SERVICE (AmbientCapabilities in a unit of systemd), or choose a port from 1024',
      };
    case 'EADDRNOTAVAIL':
      return { message: `this machine has no address ${host}`, mend: 'correct it, or write 0.0.0.0 or [::] for all' };
    case 'EADDRINUSE':
      return { message: 'in use by another program', mend: 'stop that, or choose another address' };
    default:
      return { message, mend: 'choose another address' };
  }
}
