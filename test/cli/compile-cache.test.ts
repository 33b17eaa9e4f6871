import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { startPostern } from '../support/postern-process.ts';

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;

describe('the compiled code of a start', () => {
  it("is kept in the user's cache folder, in one of its own", (t) => {
    const home = temporaryFolder(t);
    const own = join(home, 'own');
    for (const [env, folder] of [
      [{ HOME: home }, join(home, '.cache/postern')],
      [{ HOME: home, XDG_CACHE_HOME: own }, join(own, 'postern')],
    ] as const) {
      start(env);
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      assert.notDeepEqual(readdirSync(folder), []);
    }
  });

  it('is neither kept nor taken where another user may write, or where a link leads', (t) => {
    const open = temporaryFolder(t);
    const folder = join(open, '.cache/postern');
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    const linked = temporaryFolder(t);
    mkdirSync(join(linked, '.cache'));
    symlinkSync(folder, join(linked, '.cache/postern'));
    for (const home of [open, linked]) start({ HOME: home });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is not kept in the home of somebody else', { skip: process.getuid?.() !== 0 && 'needs root' }, (t) => {
    const home = temporaryFolder(t);
    chownSync(home, 65_534, 65_534);
    for (const env of [{ HOME: home }, { HOME: '/', XDG_CACHE_HOME: join(home, '.cache') }]) {
      start(env);
      assert.deepEqual(readdirSync(home), []);
    }
  });

  it('is not kept below a folder in which another user may put others', (t) => {
    const shared = temporaryFolder(t);
    const home = join(shared, 'home');
    mkdirSync(home);
    chmodSync(shared, 0o777);
    start({ HOME: home });
    assert.deepEqual(readdirSync(home), []);
    chmodSync(shared, 0o1777);
    start({ HOME: home });
    assert.deepEqual(readdirSync(home), ['.cache']);
  });

  it('is what front threads begin with, too', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'a.txt'), '');
    writeFileSync(join(folder, 'postern.toml'), '[service]\nthreads = 2\n[site.main]\nlisten = []\nroot = "."\n');
    const kept = join(folder, 'cache/postern');
    const wrapper = ['env', `XDG_CACHE_HOME=${join(folder, 'cache')}`, 'NODE_DEBUG_NATIVE=COMPILE_CACHE'];
    const service = startPostern(t, folder, ['run'], folder, wrapper);
    await service.wrote(/"msg":"running"/);
    service.child.kill('SIGTERM');
    assert.equal((await service.ended()).status, 0);
    const looked = new RegExp(`reading cache from ${kept}.* for \\S+ .*/threads/front-thread-entry\\.[jt]s`);
    assert.match(service.output(), looked);
    assert.equal(readdirSync(kept).length, 1);
  });

  it('is done without where there is no such folder', () => {
    for (const env of [{}, { XDG_CACHE_HOME: 'relative' }, { HOME: '/proc/self' }]) start(env);
  });
});

/** One start of the command. Throws when it fails. */
function start(env: Readonly<Record<string, string>>): void {
  assert.match(execFileSync(process.execPath, [entry, '--version'], { env, encoding: 'utf8' }), /^\d/);
}
