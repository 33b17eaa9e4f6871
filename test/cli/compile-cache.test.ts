import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cacheFolder } from '../../src/cli/compile-cache.ts';
import { temporaryFolder } from '../support/folder.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const uid = process.getuid?.();

describe('cacheFolder()', () => {
  it("makes a folder of the user's own where caches are kept", (t) => {
    const home = temporaryFolder(t);
    const folder = cacheFolder({ HOME: home }, uid);
    assert.equal(folder, join(home, '.cache/postern'));
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(cacheFolder({ HOME: home, XDG_CACHE_HOME: join(home, 'own') }, uid), join(home, 'own/postern'));
  });

  it('takes no folder that another user may write to, or may have put there', (t) => {
    const home = temporaryFolder(t);
    const folder = join(home, '.cache/postern');
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    assert.equal(cacheFolder({ HOME: home }, uid), null);
    const other = temporaryFolder(t);
    mkdirSync(join(other, '.cache'));
    symlinkSync(folder, join(other, '.cache/postern'));
    assert.equal(cacheFolder({ HOME: other }, uid), null);
  });

  it('makes nothing in the home of somebody else', { skip: uid === undefined && 'no user ids here' }, (t) => {
    const home = temporaryFolder(t);
    assert.equal(cacheFolder({ HOME: home }, uid! + 1), null);
    assert.equal(existsSync(join(home, '.cache')), false);
  });

  it('is content with none', () => {
    assert.equal(cacheFolder({}, uid), null);
    assert.equal(cacheFolder({ HOME: '/', XDG_CACHE_HOME: 'relative' }, uid), null);
    assert.equal(cacheFolder({ HOME: '/proc/self' }, uid), null);
  });
});

describe('postern', () => {
  it('keeps its compiled code there', (t) => {
    const home = temporaryFolder(t);
    execFileSync(process.execPath, [main, '--version'], { env: { HOME: home } });
    assert.notDeepEqual(readdirSync(join(home, '.cache/postern'), { recursive: true }), []);
  });
});
