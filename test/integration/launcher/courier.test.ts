// The courier's own life: it stays until the service has taken all that it brings.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const courier = fileURLToPath(new URL('../../../src/launcher/courier.ts', import.meta.url));
const service = fileURLToPath(new URL('../../fixtures/takes-handles-late.ts', import.meta.url));

const descriptorOf = (owner: unknown): number => (owner as { _handle: { fd: number } })._handle.fd;
const channel = (fd: number): Record<string, string> => ({
  NODE_CHANNEL_FD: String(fd),
  NODE_CHANNEL_SERIALIZATION_MODE: 'json',
});

describe('the courier', () => {
  it('waits for a service that is busy, and brings it all sockets', { timeout: 60_000 }, async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const served = spawn(process.execPath, [service], {
      env: channel(3),
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    t.after(() => served.kill('SIGKILL'));
    const handles = served.stdio[3] as Socket;
    handles.pause();
    (handles as unknown as { _handle: { readStop(): void } })._handle.readStop();
    let told = '';
    served.stdout!.on('data', (bytes: Buffer) => {
      told += bytes;
    });

    const sockets = [4, 5, 6].map((fd) => [fd, `socket ${fd}`]);
    const fds = sockets.map(() => descriptorOf(server));
    const brought = spawn(process.execPath, [courier, JSON.stringify(sockets)], {
      env: channel(3),
      stdio: ['ignore', 'ignore', 'inherit', descriptorOf(handles), ...fds],
    });
    const [status] = await once(brought, 'exit');

    assert.equal(status, 0);
    while (!told.includes('socket 6')) await once(served.stdout!, 'data');
    assert.equal(told, 'socket 4 with a handle\nsocket 5 with a handle\nsocket 6 with a handle\n');
  });
});
