// What workers are given, as the system and PHP itself tell it: user, groups, environment, descriptors.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, writePhpSite } from '../../support/php-service.ts';
import { postern } from '../../support/postern-process.ts';
import { descendants, processStatus } from '../../support/process-tree.ts';

const files = {
  'who.php':
    '<?php echo json_encode(["uid" => posix_geteuid(), "gid" => posix_getegid(), "groups" => posix_getgroups()]);',
  'env.php': '<?php readfile("/proc/self/environ");',
  'open.php':
    '<?php foreach (scandir("/proc/self/fd") as $fd) if ($fd > 2) echo $fd, " ", @readlink("/proc/self/fd/$fd"), "\n";',
};
const notRoot = process.getuid?.() === 0 ? false : 'only root can start workers as another user';

describe('privileges of workers', { skip: phpMissing || notRoot }, () => {
  it("a pool runs as its user, with that user's groups and no way to more", async (t) => {
    const folder = temporaryFolder(t);
    chmodSync(folder, 0o755);
    const service = await PhpService.start(t, {
      folder,
      files,
      pool: 'php = "auto"\nuser = "www-data"\nworkers = 2\n',
    });
    const ids = (flag: string) =>
      execFileSync('id', [flag, 'www-data'], { encoding: 'utf8' }).trim().split(' ').map(Number);
    const who = JSON.parse(await service.text('who.php')) as { uid: number; gid: number; groups: number[] };
    assert.deepEqual([who.uid, who.gid, who.groups], [ids('-u')[0], ids('-g')[0], ids('-G')]);
    // The guard is the manager's own: it must see the processes of every user.
    const isGuard = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('postern-guard');
    const processes = descendants(service.postern.pid).filter((pid) => !isGuard(pid));
    assert.equal(processes.length, 3, 'the parent and two children');
    for (const pid of processes) {
      const { Uid, Gid, NoNewPrivs, CapEff, CapPrm } = processStatus(pid);
      assert.deepEqual(
        new Set([...Uid!.split('\t'), ...Gid!.split('\t')]),
        new Set([String(who.uid), String(who.gid)]),
      );
      assert.deepEqual([NoNewPrivs, Number(CapEff), Number(CapPrm)], ['1', 0, 0]);
    }
  });

  it('a pool that would run as root without allowRoot: refused with exit status 78', async (t) => {
    const folder = temporaryFolder(t);
    const config = writePhpSite(folder, { files, pool: 'php = "auto"\n' });
    const { status, err } = await postern(t, folder, ['run', '-c', config]);
    assert.equal(status, 78);
    assert.match(
      err,
      /^postern: .*:\d+: pool php would run as root: set user = "www-data" in \[pool\.php\], or allowRoot = true/,
    );
    const asRoot = writePhpSite(folder, { files, pool: 'php = "auto"\nuser = "root"\n' });
    assert.equal((await postern(t, folder, ['run', '-c', asRoot])).status, 78);
  });

  it('a user that does not exist: refused with exit status 78', async (t) => {
    const folder = temporaryFolder(t);
    const config = writePhpSite(folder, { files, pool: 'php = "auto"\nuser = "nobody-here"\n' });
    const { status, err } = await postern(t, folder, ['run', '-c', config]);
    assert.equal(status, 78);
    assert.match(err, /there is no user "nobody-here"/);
  });

  it('a root that the user of a pool cannot read: check and explain say who and where, run logs it', async (t) => {
    const folder = temporaryFolder(t);
    chmodSync(folder, 0o700);
    const config = writePhpSite(folder, { files, pool: 'php = "auto"\nuser = "www-data"\nworkers = 1\n' });
    const words = /user www-data cannot read \S+ \(permissions of \S+: drwx------, owner 0\)/;
    const checked = await postern(t, folder, ['check', '-c', config]);
    assert.equal(checked.status, 1, checked.out);
    assert.match(checked.out, words);
    const explained = await postern(t, folder, ['explain', '/who.php', '-c', config]);
    assert.equal(explained.status, 1);
    assert.match(explained.out, words);
    const service = await PhpService.start(t, {
      folder,
      files,
      pool: 'php = "auto"\nuser = "www-data"\nworkers = 1\n',
    });
    await service.logged('user www-data cannot read');
    chmodSync(folder, 0o755);
    const { status } = await postern(t, folder, ['explain', '/who.php', '-c', config]);
    assert.equal(status, 0);
  });

  it("a worker's environment is what the configuration says, and PATH", async (t) => {
    const pool = 'php = "auto"\nallowRoot = true\nenv = { APP_ENV = "prod" }\n';
    const wrapper = ['env', 'SECRET_OF_THE_MANAGER=1', 'LD_LIBRARY_PATH=/nowhere', 'PHPRC=/nowhere'];
    const service = await PhpService.start(t, { files, pool, wrapper });
    const names = (await service.text('env.php'))
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => entry.split('=')[0]!);
    assert.deepEqual(names.filter((name) => !name.startsWith('PHP_FCGI_')).sort(), ['APP_ENV', 'PATH', 'POSTERN_MARK']);
  });

  it('no descriptor of the manager, nor of whoever started it, reaches a worker', async (t) => {
    const folder = temporaryFolder(t);
    const wrapper = ['sh', '-c', `exec 7<"${folder}/public/who.php" 9>"${folder}/leak"; exec "$@"`, 'sh'];
    const service = await PhpService.start(t, { folder, files, wrapper });
    const lines = (await service.text('open.php')).trimEnd().split('\n');
    const told = lines.join('\n');
    assert.deepEqual(
      lines.filter((line) => /postern-test|pipe:|leak/.test(line) && !line.endsWith('open.php')),
      [],
      told,
    );
    assert.equal(lines.filter((line) => line.includes('socket:')).length, 1, `its connection alone:\n${told}`);
  });
});
