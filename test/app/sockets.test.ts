// Where an application gets its socket from: descriptor 0, systemd, an address; and who may connect to it.

import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type NodeProgram, startNode } from '../support/node-program.ts';
import { freePort } from '../support/server-process.ts';

const file = new URL('../fixtures/apps/suite.ts', import.meta.url).pathname;

/** Starts a program with a listening socket as one of its descriptors, as a process manager does. */
async function handOver(
  t: TestContext,
  descriptor: number,
  start: (stdio: (number | 'pipe' | 'ignore')[]) => NodeProgram,
): Promise<{ program: NodeProgram; socket: string }> {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'app.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${socket}.tmp`, resolve));
  renameSync(`${socket}.tmp`, socket);
  const stdio: (number | 'pipe' | 'ignore')[] = ['ignore', 'pipe', 'pipe'];
  stdio[descriptor] = (server as Server & { readonly _handle: { readonly fd: number } })._handle.fd;
  const program = start(stdio);
  server.close();
  return { program, socket };
}

async function ask(t: TestContext, to: number | string): Promise<string> {
  const peer = await FastcgiPeer.connect(t, to);
  peer.request(1, { REQUEST_URI: '/hello?name=you', HTTP_HOST: 'a' });
  const { stdout } = await peer.ended(1);
  peer.raw.socket.destroy();
  return stdout;
}

describe('an application and its socket', () => {
  for (const [mode, parameters] of [
    ['fastcgi', []],
    ['threads', ['--threads', '2']],
  ] as const) {
    it(`serves a socket that systemd passed, in mode ${mode}`, async (t) => {
      const { program, socket } = await handOver(t, 3, (stdio) =>
        startNode(t, ['-c', `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`, process.execPath, file, ...parameters], {
          stdio,
          program: 'sh',
        }),
      );
      assert.match(await ask(t, socket), new RegExp(`x-mode: ${mode}`));
      program.child.kill('SIGTERM');
      assert.equal(await program.ended, 0);
    });
  }

  it('serves a socket that was handed over as descriptor 0, whatever its arguments are', async (t) => {
    const { program, socket } = await handOver(t, 0, (stdio) => startNode(t, [file, '--nonsense', 'x y'], { stdio }));
    assert.match(await ask(t, socket), /hello you$/);
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
    assert.equal(program.stderr(), '');
  });

  it('serves descriptor 0 with as many threads as the process manager asks for in POSTERN_THREADS', async (t) => {
    const env = { POSTERN_THREADS: '2' };
    const { program, socket } = await handOver(t, 0, (stdio) => startNode(t, [file], { stdio, env }));
    assert.match(await ask(t, socket), /x-mode: threads/);
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });

  it('listens on a TCP port, and a second one there is refused with a message', async (t) => {
    const port = await freePort();
    const first = startNode(t, [file, '--listen', `127.0.0.1:${port}`]);
    await first.until('listening on');
    assert.match(await ask(t, port), /hello you$/);
    for (const threads of ['1', '2']) {
      const second = startNode(t, [file, '--listen', String(port), '--threads', threads]);
      assert.equal(await second.ended, 1);
      assert.match(second.stderr(), new RegExp(`127.0.0.1:${port}`));
      assert.match(second.stderr(), /in use|EADDRINUSE/);
    }
    assert.match(await ask(t, port), /hello you$/);
  });

  it('serves a TCP port with three threads, each with its share of the connections', async (t) => {
    const port = await freePort();
    const program = startNode(t, [file, '--listen', String(port), '--threads', '3']);
    await program.until('listening on');
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(t, port)));
    assert.ok(answers.every((answer) => /x-mode: threads/.test(answer)));
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });

  it('takes the place of a dead socket file, and removes its own', async (t) => {
    const socket = join(temporaryFolder(t), 'app.sock');
    const first = startNode(t, [file, '--listen', `unix:${socket}`]);
    await first.until('listening on');
    first.child.kill('SIGKILL');
    await first.ended;
    assert.ok(existsSync(socket));
    const second = startNode(t, [file, '--listen', `unix:${socket}`]);
    await second.until('listening on');
    assert.match(await ask(t, socket), /hello you$/);
    second.child.kill('SIGTERM');
    assert.equal(await second.ended, 0);
    assert.ok(!existsSync(socket));
  });

  it('closes connections from addresses that are not in FCGI_WEB_SERVER_ADDRS', async (t) => {
    const port = await freePort();
    const env = { FCGI_WEB_SERVER_ADDRS: '10.1.2.3,10.1.2.4' };
    const program = startNode(t, [file, '--listen', String(port)], { env });
    await program.until('listening on');
    await assert.rejects(ask(t, port));
    await program.until('allowedClients');
  });
});
