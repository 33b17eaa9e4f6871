// A peer on a socket that does what a test says, byte by byte: for answers that no real program gives.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../../src/connection/address.ts';

/** A listening peer. */
export interface ScriptedApplication {
  readonly address: Address;
  /** Connections so far. */
  readonly sockets: readonly Socket[];
  /** Ends it and its connections, and removes its folder. */
  close(): Promise<void>;
}

/** Listens on a Unix socket. @param accept is given each connection @param where @default in a folder of its own */
export async function scriptedApplication(
  accept: (socket: Socket) => void,
  where: string | null = null,
): Promise<ScriptedApplication> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  const path = where ?? join(folder, 's');
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    address: { kind: 'unix', path },
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}
