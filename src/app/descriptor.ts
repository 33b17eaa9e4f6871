// Whether a descriptor is a listening socket.

import { fstatSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Tries to listen on a descriptor, which only a listening socket lets us (a connected one refuses with EINVAL), and lets go of it
 * again. Only for descriptors 0 to 2, which libuv never closes.
 */
export async function isListeningSocket(fd: 0 | 1 | 2): Promise<boolean> {
  try {
    if (!fstatSync(fd).isSocket()) return false;
  } catch {
    // The descriptor is closed.
    return false;
  }
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ fd }, () => server.close(() => resolve(true)));
    server.unref();
  });
}
