// Starts any FastCGI program with a socket that listens as its fd 0, as web servers do.

import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync } from 'node:fs';
import { createServer } from 'node:net';

/** @param path where the socket listens from now on */
export async function spawnListening(command: readonly string[], path: string): Promise<ChildProcess> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.tmp`, resolve));
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  // Closing the server removes the name that it was given, and only that.
  renameSync(`${path}.tmp`, path);
  const env = { PATH: process.env.PATH ?? '' };
  const child = spawn(command[0]!, command.slice(1), { stdio: [fd, 'ignore', 'ignore'], env });
  server.close();
  return child;
}
