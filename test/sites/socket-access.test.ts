import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defineConfig } from '../../src/config/define-config.ts';
import { silentLog } from '../../src/log.ts';
import { createService } from '../../src/service/service.ts';
import { Users } from '../../src/worker/user.ts';
import { temporaryFolder } from '../support/folder.ts';

const isRoot = process.getuid?.() === 0;

describe('a socket file that is listened on', () => {
  it('has the owner, group and mode of its address, and those of the next configuration after a reload', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public'));
    const path = join(folder, 'site.sock');
    const belonging = isRoot ? { owner: 'nobody', group: 'daemon' } : {};
    const configured = (access: object) =>
      defineConfig({ site: { main: { root: 'public', listen: { address: 'unix:site.sock', ...access } } } }, folder);
    const service = createService(configured({ ...belonging, mode: '0600' }), {
      log: silentLog,
      runtimeBase: join(folder, 'run'),
    });
    t.after(() => service.destroy());
    await service.start();
    const access = () => {
      const { mode, uid, gid } = statSync(path);
      return [mode & 0o777, ...(isRoot ? [String(uid), String(gid)] : [])];
    };
    const users = new Users();
    const ids = isRoot ? [users.accountOf('nobody')?.id, users.groupNamed('daemon')] : [];
    assert.deepEqual(access(), [0o600, ...ids]);
    await service.reload([], configured({ mode: '0666' }));
    assert.equal(access()[0], 0o666);
  });
});
