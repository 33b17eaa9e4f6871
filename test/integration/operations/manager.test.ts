// The manager itself: killed, started twice, told to stop, sent a storm of signals. Afterwards no process of it is left.

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isGone, readProcessStat } from '../../../src/worker/process-table.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool, writePhpSite } from '../../support/php-service.ts';
import { postern, startPostern } from '../../support/postern-process.ts';
import { descendants } from '../../support/process-tree.ts';
import { until } from '../../support/until.ts';

const files = {
  'pid.php': '<?php echo getmypid();',
  'slow.php': '<?php usleep(1500000); echo "slow";',
};
const isRoot = process.getuid?.() === 0;

describe('the manager', { skip: phpMissing }, () => {
  for (const user of [null, 'www-data']) {
    const skip = user !== null && !isRoot ? 'only root can start workers as another user' : false;
    it(`kill -9 of the manager: no orphans${user === null ? '' : ` of user ${user}`}; a restart takes over, with the old socket files`, {
      skip,
    }, async (t) => {
      const folder = temporaryFolder(t);
      chmodSync(folder, 0o755);
      const pool = `php = "auto"\nworkers = 3\n${user === null ? 'allowRoot = true' : `user = "${user}"`}\n`;
      const first = await PhpService.start(t, { folder, files, pool });
      await first.text('pid.php');
      const slow = first.get('slow.php').catch(() => null);
      await first.busy(1);
      const processes = descendants(first.postern.pid);
      assert.ok(processes.length >= 4, `parent and children: ${processes.length}`);
      first.postern.child.kill('SIGKILL');
      assert.equal(await slow, null);
      const second = await PhpService.start(t, { folder, files, pool, listen: `127.0.0.1:${first.port}` });
      assert.ok(Number(await second.text('pid.php')) > 0);
      await until(() => processes.every(isGone), 'no process of the first is left');
    });
  }

  it('kill -9 of the manager: a worker of an application that is busy in a loop ends with it', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'busy.ts'), 'export default { fetch() { for (;;) process.title; } };');
    const more =
      '[[site.main.route]]\nmatch = "/busy"\npool = "busy"\n[pool.busy]\napp = "busy.ts"\nallowRoot = true\n';
    const first = await PhpService.start(t, { folder, files, more });
    const busy = first.get('busy').catch(() => null);
    const spins = (): number[] =>
      descendants(first.postern.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('busy.ts'));
    await until(() => spins().some((pid) => (readProcessStat(pid)?.cpuTicks ?? 0) > 100), 'it spins');
    const processes = spins();
    first.postern.child.kill('SIGKILL');
    await busy;
    await until(() => processes.every(isGone), 'no worker spins on');
  });

  it('kill -9 of the manager: a restart without the old socket files finds no orphans either', async (t) => {
    const first = await PhpService.start(t, { files });
    await first.text('pid.php');
    const processes = descendants(first.postern.pid);
    first.postern.child.kill('SIGKILL');
    const second = await PhpService.start(t, { files, listen: `127.0.0.1:${first.port}` });
    assert.ok(Number(await second.text('pid.php')) > 0);
    await until(() => processes.every(isGone), 'no process of the first is left');
  });

  it('kill -9 of the manager and of PHP’s parent: children that served are ended by a restart; no probe folder stays', async (t) => {
    const folder = temporaryFolder(t);
    const temporary = temporaryFolder(t);
    const wrapper = ['env', `TMPDIR=${temporary}`];
    const first = await PhpService.start(t, { folder, files, wrapper });
    await Promise.all([first.text('slow.php'), first.text('slow.php')]);
    const idle = await first.lanes('idle');
    const children = idle.map(({ pid }) => pid);
    assert.equal(children.length, 2);
    assert.equal(readdirSync(temporary).filter((name) => name.startsWith('postern-probe-')).length, 1);
    first.postern.child.kill('SIGKILL');
    process.kill(idle[0]!.workerPid, 'SIGKILL');
    await first.postern.ended();
    const second = await PhpService.start(t, { folder, files, wrapper, listen: `127.0.0.1:${first.port}` });
    assert.ok(Number(await second.text('pid.php')) > 0);
    await until(() => children.every(isGone), 'no child of the first is left');
    assert.equal(readdirSync(temporary).filter((name) => name.startsWith('postern-probe-')).length, 1);
    second.postern.child.kill('SIGTERM');
    await second.postern.ended();
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('postern-probe-')),
      [],
    );
  });

  it('kill -9 of the manager: a site on a Unix socket is taken over', async (t) => {
    const folder = temporaryFolder(t);
    const listen = `unix:${folder}/site.sock`;
    const first = await PhpService.start(t, { folder, files, listen });
    first.postern.child.kill('SIGKILL');
    await first.postern.ended();
    const second = await PhpService.start(t, { folder, files, listen });
    assert.equal((await second.status()).listeners[0]!.address, listen);
  });

  it('a second manager on the same address: a clear refusal, the first is unharmed', async (t) => {
    const first = await PhpService.start(t, { files });
    const pid = await first.text('pid.php');
    writeFileSync(
      first.config,
      readFileSync(first.config, 'utf8').replace(
        'listen = "127.0.0.1:0"\nroot',
        `listen = "127.0.0.1:${first.port}"\nroot`,
      ),
    );
    const second = await postern(t, first.folder, ['run', '-c', first.config]);
    assert.equal(second.status, 1);
    assert.match(
      second.err,
      new RegExp(`^postern: 127.0.0.1:${first.port} is in use by the service with pid ${first.postern.pid}: stop it`),
    );
    assert.equal(second.err.trim().split('\n').length, 1);
    assert.equal(await first.text('pid.php'), pid);
  });

  it('SIGTERM: ready turns 503, listeners close, requests finish, workers end, exit 0', async (t) => {
    const service = await PhpService.start(t, { files });
    assert.equal((await fetch(`${service.admin}readyz`)).status, 200);
    const slow = service.get('slow.php');
    await service.busy(1);
    const processes = descendants(service.postern.pid);
    service.postern.child.kill('SIGTERM');
    await until(async () => (await fetch(`${service.admin}readyz`)).status === 503, 'ready turns 503');
    await assert.rejects(service.get('pid.php'), 'nobody listens any more');
    assert.equal(await (await slow).text(), 'slow');
    assert.equal((await service.postern.ended()).status, 0);
    assert.ok(processes.every(isGone));
    assert.equal(service.log('stopping: 1 requests run').length, 1);
  });

  it('SIGTERM: a request that does not finish within stopTimeout is ended', async (t) => {
    const pool = `${phpPool}workers = 1\nstopTimeout = "1s"\n`;
    const service = await PhpService.start(t, { files: { 'long.php': '<?php sleep(60);' }, pool });
    const long = service.get('long.php').then(
      ({ status }) => status,
      () => 0,
    );
    await service.busy(1);
    service.postern.child.kill('SIGTERM');
    assert.ok([0, 502, 503].includes(await long));
    assert.equal((await service.postern.ended()).status, 0);
  });

  it('SIGTERM: a second one ends at once, exit 1, with no process left', async (t) => {
    const service = await PhpService.start(t, { files: { 'long.php': '<?php sleep(60);' } });
    const long = service.get('long.php').catch(() => null);
    await service.busy(1);
    const processes = descendants(service.postern.pid);
    service.postern.child.kill('SIGTERM');
    await service.logged('stopping');
    service.postern.child.kill('SIGTERM');
    assert.equal((await service.postern.ended()).status, 1);
    assert.equal(await long, null);
    await until(() => processes.every(isGone), 'no process is left');
  });

  it('SIGTERM while a reload waits for a program that does not get ready: it ends all the same', async (t) => {
    const service = await PhpService.start(t, { files });
    const config = readFileSync(service.config, 'utf8');
    writeFileSync(
      `${service.folder}/hangs`,
      '#!/bin/sh\ncase " $* " in *" -v "*|*" -i "*|*" -r "*) exec php-cgi "$@";; esac\nexec sleep 60\n',
      { mode: 0o755 },
    );
    writeFileSync(service.config, config.replace('php = "auto"', `php = "${service.folder}/hangs"`));
    service.postern.child.kill('SIGHUP');
    await until(
      () => descendants(service.postern.pid).some((pid) => commandOf(pid).startsWith('sleep')),
      'the new program was started',
    );
    service.postern.child.kill('SIGTERM');
    await service.logged('stopping');
    await assert.rejects(service.get('pid.php'), 'nobody listens any more');
    assert.equal((await service.postern.ended()).status, 0);
  });

  it('signals arriving in a storm: one state machine, no child lost', async (t) => {
    const service = await PhpService.start(t, { files });
    const pid = service.postern.pid;
    const seen = new Set<number>();
    for (let round = 0; round < 60; round += 1) {
      for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCHLD'] as const) process.kill(pid, signal);
      if (round % 10 === 0) {
        writeFileSync(
          service.config,
          readFileSync(service.config, 'utf8').replace(/workers = \d+/, `workers = ${2 + (round % 3)}`),
        );
        assert.equal((await service.get('pid.php')).status, 200);
      }
      for (const one of descendants(pid)) seen.add(one);
      await wait(10);
    }
    await until(async () => (await service.pool()).workers === 2 + (50 % 3), 'the last reload is done');
    assert.equal((await service.get('pid.php')).status, 200);
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGUSR2', 'SIGUSR1'] as const) process.kill(pid, signal);
    assert.equal((await service.postern.ended()).status, 0);
    assert.deepEqual(
      [...seen].filter((one) => !isGone(one)),
      [],
    );
    assert.equal(service.postern.out().includes('Debugger'), false);
  });

  it('signals arriving in a storm while it starts: it starts, or ends as it was told', async (t) => {
    const folder = temporaryFolder(t);
    const config = writePhpSite(folder, { files });
    for (const signals of [
      ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'],
      ['SIGTERM', 'SIGHUP', 'SIGINT'],
    ] as const) {
      const running = startPostern(t, folder, ['run', '-c', config]);
      await until(() => readdirSync(folder).some((name) => name.startsWith('manager-')), 'its folder is there');
      for (const signal of signals) running.child.kill(signal);
      const { status } = await running.ended();
      assert.equal(status, signals[0] === 'SIGTERM' ? 1 : 0, running.out());
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('manager-')),
        [],
        'its folder is gone too',
      );
    }
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended
  }
}
