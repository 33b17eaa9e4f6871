// The first free TCP port at or after one.

import { createServer } from 'node:net';
import { PosternError } from '../errors.ts';

/** How many ports are tried. */
const tries = 50;

/**
 * Finds it by listening for a moment. Another process may take it before it is used: that is then refused clearly.
 * @throws ADDRESS_IN_USE when none of 50 is free
 */
export async function freePort(host: string, from: number): Promise<number> {
  for (let port = from; port < from + tries; port += 1) {
    if (await isFree(host, port)) return port;
  }
  throw new PosternError(
    'ADDRESS_IN_USE',
    `ports ${from} to ${from + tries - 1} of ${host} are all in use: choose one with --port`,
  );
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
