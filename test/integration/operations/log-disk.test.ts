// A log on a file system that is really full, and then is not any more.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ServiceStatus } from '../../../src/admin/source.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { startPostern } from '../../support/postern-process.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

describe('a log on a full disk', () => {
  it('loses lines that are counted, never half of one, and goes on where there is room again', async (t) => {
    const outer: { disk?: string } = {};
    // Before the folder is removed.
    t.after(() => outer.disk !== undefined && execFileSync('umount', ['--lazy', outer.disk]));
    const folder = temporaryFolder(t);
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
    } catch (error) {
      return t.skip(`no file system can be mounted here: ${(error as Error).message}`);
    }
    outer.disk = disk;
    const [port, adminPort] = [await freePort(), await freePort()];
    const config = join(folder, 'postern.toml');
    writeFileSync(
      config,
      `[log]\nfile = "disk/log"\n[admin]\nlisten = "127.0.0.1:${adminPort}"\n[site.main]\nlisten = "127.0.0.1:${port}"\nroot = "."\n`,
    );
    const { child, output, ended } = startPostern(t, folder, ['run', '-c', config], folder);
    const status = async (): Promise<ServiceStatus> =>
      (await fetch(`http://127.0.0.1:${adminPort}/status?format=json`)).json() as never;
    const ask = async (count: number): Promise<void> => {
      for (let asked = 0; asked < count; asked += 1) await fetch(`http://127.0.0.1:${port}/${'x'.repeat(300)}`);
    };
    await until(async () => (await status()).state === 'running', output);

    writeFileSync(join(disk, 'filler'), Buffer.alloc(40_960));
    await ask(120);
    await until(async () => (await status()).log?.trouble === 'ENOSPC');
    await ask(600);
    const { log } = await status();
    assert.ok(log!.lostLines > 0);
    rmSync(join(disk, 'filler'));
    renameSync(join(disk, 'log'), join(disk, 'log.1'));
    child.kill('SIGUSR1');
    assert.equal((await status()).state, 'running');
    child.kill('SIGTERM');
    assert.equal((await ended()).status, 0);
    for (const path of [join(disk, 'log.1'), join(disk, 'log')]) {
      // There may be no room for one line in the second file.
      const lines = readFileSync(path, 'utf8').split('\n');
      assert.equal(lines.pop(), '', path);
      for (const line of lines) JSON.parse(line);
    }
  });
});
