// The program that runs a file which exports an application.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

const path = (file: string): string => new URL(`../../${file}`, import.meta.url).pathname;
const main = path('src/app/run-file.ts');

describe('main.ts', () => {
  it('runs what a file exports, with its own command line', async (t) => {
    const program = startNode(t, [main, path('test/fixtures/apps/exported.ts'), '/a']);
    assert.equal(await program.ended, 0);
    assert.equal(program.stdout().toString(), 'hello from /a');
  });

  it('runs it in threads too', async (t) => {
    const socket = join(temporaryFolder(t), 'app.sock');
    const file = path('test/fixtures/apps/exported.ts');
    const fromHere = `unix:${relative(process.cwd(), socket)}`;
    const program = startNode(t, [main, file, '--listen', fromHere, '--threads', '2']);
    await program.until('listening on');
    const peer = await FastcgiPeer.connect(t, socket);
    peer.request(1, { REQUEST_URI: '/b', HTTP_HOST: 'a' });
    assert.match((await peer.ended(1)).stdout, /hello from \/b$/);
    program.child.kill('SIGTERM');
    await peer.raw.untilEnd();
    peer.raw.socket.destroy();
    assert.equal(await program.ended, 0);
  });

  it('tells of a module that fails to start, its name first, then the stack; in threads too', async (t) => {
    const folder = temporaryFolder(t);
    for (const phase of ['moduleInit', 'threadInit']) {
      const file = join(folder, `${phase}.ts`);
      const database = `{ name: 'database', ${phase}() { throw new Error('no database'); } }`;
      writeFileSync(file, `export default { modules: [${database}], fetch: () => new Response('') };\n`);
      for (const parameters of [['/'], ['--listen', join(folder, 'a.sock'), '--threads', '2']]) {
        const program = startNode(t, [main, file, ...parameters]);
        assert.equal(await program.ended, 1);
        const told = `^module database failed in ${phase}: no database\\nError: no database\\n +at .*${phase}\\.ts:1`;
        assert.match(program.stderr(), new RegExp(told));
      }
    }
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
