import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import net, { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { knock } from '../../src/connection/knock.ts';
import { listenOn } from '../../src/connection/listen.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

/** A process that listens on a Unix socket of a new folder, with room for one connection that waits. */
async function listeningProcess(t: TestContext) {
  const path = join(temporaryFolder(t), 's.sock');
  const script = `require('node:net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.error('listens'))`;
  const program = startNode(t, ['-e', script]);
  await program.until('listens');
  return { path, program };
}

async function listen(t: TestContext, path: string): Promise<void> {
  const server = createServer();
  t.after(() => server.close());
  await listenOn(server, { kind: 'unix', path });
}

describe('listenOn()', () => {
  it('takes the place of a socket file whose server was killed, with the mode 0660', async (t) => {
    const { path, program } = await listeningProcess(t);
    program.child.kill('SIGKILL');
    await program.ended;
    assert.ok(existsSync(path));
    await listen(t, path);
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });

  it('leaves the socket of a server that lives alone', async (t) => {
    const { path } = await listeningProcess(t);
    await assert.rejects(listen(t, path), { code: 'ADDRESS_IN_USE' });
    assert.equal(await knock({ kind: 'unix', path }, 1_000), null);
  });

  it('leaves the socket of a server alone that is stopped, with its backlog full', async (t) => {
    const { path, program } = await listeningProcess(t);
    program.child.kill('SIGSTOP');
    const waiting = Array.from({ length: 8 }, () => connect(path).on('error', () => {}));
    t.after(() => waiting.map((socket) => socket.destroy()));
    while ((await knock({ kind: 'unix', path }, 1_000)) === null);
    await assert.rejects(listen(t, path), { code: 'ADDRESS_IN_USE' });
    assert.ok(existsSync(path));
    program.child.kill('SIGCONT');
  });

  it('never removes a file that is no socket', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    writeFileSync(path, 'mine');
    await assert.rejects(listen(t, path), { code: 'ADDRESS_IN_USE' });
    assert.ok(existsSync(path));
  });

  it('names the address of a socket that another has bound, too, and listens on first', async (t) => {
    const [first, second] = [createServer(), createServer()];
    t.after(() => first.close());
    const { _createServerHandle: bind } = net as unknown as {
      readonly _createServerHandle: (
        host: string,
        port: number,
        family: number,
      ) => {
        readonly fd: number;
        getsockname(name: object): number;
      };
    };
    const bound = bind('127.0.0.1', 0, 4);
    const name: { port?: number } = {};
    bound.getsockname(name);
    const address = { kind: 'tcp', host: '127.0.0.1', port: name.port! } as const;
    const other = bind('127.0.0.1', address.port, 4);
    await listenOn(first, { fd: bound.fd, address });
    await assert.rejects(listenOn(second, { fd: other.fd, address }), {
      code: 'ADDRESS_IN_USE',
      message: `127.0.0.1:${address.port} is in use: stop what listens there, or choose another address`,
    });
  });

  it('finds a port for 0, and says which address is in use', async (t) => {
    const [first, second] = [createServer(), createServer()];
    t.after(() => [first, second].map((server) => server.close()));
    const address = await listenOn(first, { kind: 'tcp', host: '127.0.0.1', port: 0 });
    assert.ok(address.kind === 'tcp' && address.port > 0);
    await assert.rejects(listenOn(second, address), { code: 'ADDRESS_IN_USE', message: /^127\.0\.0\.1:\d+ is in use/ });
  });
});
