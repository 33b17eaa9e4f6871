import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { temporaryFolder } from '../support/folder.ts';
import { postern, startPostern } from '../support/postern-process.ts';
import { freePort } from '../support/server-process.ts';
import { until } from '../support/until.ts';

const breaker = new URL('../fixtures/breaks-a-timer.ts', import.meta.url).pathname;
/** The sources: a stack of what was built does not tell that it is in a pool. */
const sources = [process.execPath, new URL('../../src/cli/main.ts', import.meta.url).pathname];
const app = new URL('../../examples/apps/hello.ts', import.meta.url).pathname;

/** A service with one pool, in which a fault can be made to come up. */
async function breakable(t: TestContext, log = 'log') {
  const folder = temporaryFolder(t);
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(folder, 'postern.toml');
  const breakFile = join(folder, 'break');
  writeFileSync(
    config,
    `[log]\nfile = "${log}"\n[admin]\nlisten = "127.0.0.1:${adminPort}"\n[site.main]\nlisten = "127.0.0.1:${port}"\nroot = "."\n[[site.main.route]]\nmatch = "/app/*"\npool = "app"\n[pool.app]\napp = "${app}"\nallowRoot = true\nworkers = 2\nminWorkers = 1\n`,
  );
  const wrapper = ['env', `NODE_OPTIONS=--import=${breaker}`, `BREAK=${breakFile}`];
  const { child, output } = startPostern(t, folder, ['run', '-c', config], folder, wrapper, sources);
  const url = `http://127.0.0.1:${port}/app/x`;
  const admin = `http://127.0.0.1:${adminPort}`;
  await until(async () => child.exitCode !== null || (await fetch(`${admin}/readyz`)).ok, output);
  const status = async (): Promise<ServiceStatus> => (await fetch(`${admin}/status?format=json`)).json() as never;
  return {
    folder,
    child,
    admin,
    status,
    text: async () => (await fetch(url)).text(),
    break: (where: string) => writeFileSync(breakFile, where),
    command: (...args: string[]) => postern(t, folder, args),
  };
}

describe('a service', () => {
  it('survives an unexpected error in a timer, logs its stack, and shows it in status and metrics', async (t) => {
    const service = await breakable(t);
    service.break('callback');
    await until(async () => (await service.status()).faults.count === 1);
    const { faults } = await service.status();
    assert.deepEqual(
      [faults.last?.message, faults.last?.where],
      ['broken on purpose in a callback', 'a timer or callback'],
    );
    assert.match(await service.text(), /^Hello app\/x/);
    assert.match(await (await fetch(`${service.admin}/metrics`)).text(), /^postern_faults_total 1$/m);
    const shown = await service.command('status');
    assert.match(shown.out, /faults +1 survived; the last, at .*broken on purpose in a callback/);
    await until(() => /breaks-a-timer\.ts:\d+/.test(readFileSync(join(service.folder, 'log'), 'utf8')));
    assert.equal((await service.command('stop')).status, 0);
  });

  it('makes a pool anew after an unexpected error in one of its timers: its workers are replaced', async (t) => {
    const service = await breakable(t);
    const pidOf = async (): Promise<number> =>
      (await service.status()).pools[0]?.lanes.find(({ state }) => state === 'idle' || state === 'busy')?.workerPid ??
      0;
    await service.text();
    const before = await pidOf();
    service.break('pool');
    await until(async () => (await service.status()).faults.last?.where === 'pool app');
    await until(async () => ![0, before].includes(await pidOf()));
    assert.match(await service.text(), /^Hello app\/x/);
    const log = readFileSync(join(service.folder, 'log'), 'utf8');
    assert.match(log, /"pool":"app","stack":"Error: broken on purpose in a pool\\n/);
    assert.match(log, /pool app is made anew after a fault, its workers are replaced/);
    assert.equal((await service.command('stop')).status, 0);
  });

  it('goes on without its log where the disk is full, and says so in status and metrics', async (t) => {
    const service = await breakable(t, '/dev/full');
    await service.text();
    await until(async () => (await service.status()).log?.trouble === 'ENOSPC');
    assert.match(await (await fetch(`${service.admin}/metrics`)).text(), /^postern_log_writable 0$/m);
    assert.match((await service.command('status')).out, /log +cannot be written \(ENOSPC\), 0 lines lost/);
    assert.match(await service.text(), /^Hello app\/x/);
    assert.equal((await service.command('stop')).status, 0);
  });

  it('does not follow a symbolic link that stands in the place of its log', async (t) => {
    const folder = temporaryFolder(t);
    const config = join(folder, 'postern.toml');
    writeFileSync(join(folder, 'target'), '');
    symlinkSync(join(folder, 'target'), join(folder, 'log'));
    writeFileSync(config, '[log]\nfile = "log"\n[site.main]\nlisten = "127.0.0.1:0"\nroot = "."\n');
    const { status, err } = await postern(t, folder, ['run', '-c', config]);
    assert.equal(status, 78);
    assert.match(err, /postern\.toml:2: file in \[log\]: .*log is a symbolic link, which is not followed/);
    assert.equal(readFileSync(join(folder, 'target'), 'utf8'), '');
  });
});
