// The program that runs a file which exports an application.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

const path = (file: string): string => new URL(`../../${file}`, import.meta.url).pathname;
const main = path('src/app/main.ts');

describe('main.ts', () => {
  it('runs what a file exports, with its own command line', async (t) => {
    const program = startNode(t, [main, path('test/fixtures/apps/exported.ts'), '/a']);
    assert.equal(await program.ended, 0);
    assert.equal(program.stdout().toString(), 'hello from /a');
  });

  it('runs it in threads too', async (t) => {
    const socket = join(temporaryFolder(t), 'app.sock');
    const file = path('test/fixtures/apps/exported.ts');
    const program = startNode(t, [main, file, '--listen', socket, '--threads', '2']);
    await program.until('listening on');
    const peer = await FastcgiPeer.connect(t, socket);
    peer.request(1, { REQUEST_URI: '/b', HTTP_HOST: 'a' });
    assert.match((await peer.ended(1)).stdout, /hello from \/b$/);
    program.child.kill('SIGTERM');
    await peer.raw.untilEnd();
    peer.raw.socket.destroy();
    assert.equal(await program.ended, 0);
  });

  it('says what is wrong with a file that is none, or exports none', async (t) => {
    const without = startNode(t, [main]);
    assert.equal(await without.ended, 2);
    const missing = startNode(t, [main, '/nowhere.ts', '/']);
    assert.equal(await missing.ended, 1);
    assert.match(missing.stderr(), /nowhere\.ts/);
    const other = startNode(t, [main, path('src/clock.ts'), '/']);
    assert.equal(await other.ended, 1);
    assert.match(other.stderr(), /clock\.ts runs no application: export one/);
  });
});
