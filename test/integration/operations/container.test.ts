// As the first process of a container: orphans are reaped, signals reach the service, and its exit status is the container's.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const enter = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const cannotEnter =
  spawnSync(enter[0]!, [...enter.slice(1), 'true']).status === 0 ? false : 'this user may not make a process namespace';

/** The children of a process, and which of them nobody has reaped. */
function childrenOf(parent: number): { pid: number; isZombie: boolean }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(of) === parent ? [{ pid: Number(name), isZombie: state === 'Z' }] : [];
      } catch {
        return []; // it has ended
      }
    });
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');

describe('PID 1 of a container', { skip: phpMissing || cannotEnter }, () => {
  it('reaps orphans: no zombie stays; signals reach the service, and its exit status is that of the container', async (t) => {
    const folder = temporaryFolder(t);
    const more = '[[site.main.route]]\nmatch = "/cgi-bin/*"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n';
    const service = await PhpService.start(t, { folder, files: {}, more, wrapper: enter });
    const bin = join(folder, 'public/cgi-bin');
    mkdirSync(bin);
    // In a session of its own: it outlives the program, and ends with nobody waiting for it.
    const script =
      '#!/bin/sh\nsetsid sleep 0.7 >/dev/null 2>&1 </dev/null &\necho "Content-Type: text/plain"; echo; echo ok\n';
    writeFileSync(join(bin, 'leaves'), script, { mode: 0o755 });
    const first = childrenOf(service.postern.pid)[0]!.pid;
    for (let count = 0; count < 5; count += 1) assert.equal(await service.text('cgi-bin/leaves'), 'ok\n');
    const orphans = (): number[] =>
      childrenOf(first)
        .filter(({ pid, isZombie }) => isZombie || commandOf(pid).startsWith('sleep'))
        .map(({ pid }) => pid);
    await until(() => orphans().length > 0, 'the first process has inherited what the program left');
    await until(() => orphans().length === 0, 'all are gone, the dead as well');

    process.kill(first, 'SIGHUP');
    await service.logged('reload');
    process.kill(first, 'SIGUSR1');
    assert.equal(await service.text('cgi-bin/leaves'), 'ok\n');
    process.kill(first, 'SIGTERM');
    assert.equal((await service.postern.ended()).status, 0);
    await service.logged('ended');
  });

  it('passes on the exit status of a service that does not start', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'postern.toml'), '[site.main]\nlitsen = "127.0.0.1:0"\n');
    const entry = new URL('../../../bin/postern.js', import.meta.url).pathname;
    const { status, stderr } = spawnSync(
      enter[0]!,
      [...enter.slice(1), process.execPath, entry, 'run', '-c', join(folder, 'postern.toml')],
      { encoding: 'utf8' },
    );
    assert.equal(status, 78, stderr);
    assert.match(stderr, /litsen/);
    assert.doesNotMatch(stderr, /Warning/);
  });

  it('says in one line what is missing where no shell can take its place', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'without.mjs'), 'process.execve = undefined;\n');
    const entry = new URL('../../../bin/postern.js', import.meta.url).pathname;
    const { status, stderr } = spawnSync(
      enter[0]!,
      [...enter.slice(1), process.execPath, '--import', join(folder, 'without.mjs'), entry, 'run', '-c', 'none.toml'],
      { encoding: 'utf8', cwd: folder },
    );
    assert.notEqual(status, 0);
    assert.equal(stderr.match(/^postern: as process 1 it cannot reap .*--init$/gm)?.length, 1, stderr);
  });
});
