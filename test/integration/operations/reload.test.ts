// Reload, recycle and scale-down while requests go on: not one of them fails.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { postern } from '../../support/postern-process.ts';
import { until } from '../../support/until.ts';

const files = {
  'pid.php': '<?php usleep(random_int(0, 8000)); echo getmypid();',
  'limit.php': '<?php echo ini_get("memory_limit");',
};

describe('reload, recycle and scale-down under load', { skip: phpMissing }, () => {
  it('reload under load: not one failed request, and the new setting is seen', async (t) => {
    const service = await PhpService.start(t, {
      files,
      pool: `${phpPool}workers = 3\nini = { memory_limit = "50M" }\n`,
    });
    const load = startLoad(service, 4);
    for (let round = 1; round <= 4; round += 1) {
      change(service, /memory_limit = "\d+M"/, `memory_limit = "${50 + round}M"`);
      const { status, err } = await postern(t, service.folder, ['reload']);
      assert.equal(status, 0, err);
      assert.equal(await service.text('limit.php'), `${50 + round}M`);
    }
    const { answered, failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok(answered > 50, `${answered} requests`);
    const { counters } = await service.pool();
    assert.equal(counters.aborted + counters.refused, 0);
  });

  it('reload while a request runs for longer than stopTimeout: it is answered, and its worker leaves then', async (t) => {
    const pool = `${phpPool}workers = 2\nstopTimeout = "1s"\n`;
    const service = await PhpService.start(t, {
      files: { ...files, 'long.php': '<?php sleep(3); echo "long";' },
      pool,
    });
    const long = service.get('long.php');
    await service.busy(1);
    assert.equal((await postern(t, service.folder, ['reload', '--pool', 'php'])).status, 0);
    assert.equal(await (await long).text(), 'long');
    await until(
      async () => (await service.pool()).lanes.every(({ generation }) => generation === 2),
      'the old are gone',
    );
    const { counters, ended } = await service.pool();
    assert.deepEqual([counters.aborted, ended.crash, ended.reload], [0, 0, 1]);
  });

  it('recycle under load (maxRequests): not one failed request', async (t) => {
    const service = await PhpService.start(t, { files, pool: `${phpPool}workers = 3\nmaxRequests = 20\n` });
    const load = startLoad(service, 4);
    await until(async () => (await service.pool()).ended['max-requests'] >= 8, 'workers were recycled');
    const { failures, pids } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok(pids.size >= 8, `${pids.size} processes`);
    const { counters, ended } = await service.pool();
    assert.deepEqual([counters.aborted, counters.refused, ended.crash], [0, 0, 0]);
  });

  it('scale-down (idleTimeout) under load: down to minWorkers, not one failed request', async (t) => {
    const app = `${new URL('../../fixtures/answers-its-pid.ts', import.meta.url).pathname}`;
    const pool = `command = ["${process.execPath}", "${app}"]\nallowRoot = true\nworkers = 4\nminWorkers = 1\nidleTimeout = "1s"\n`;
    const service = await PhpService.start(t, { files, pool });
    const wide = startLoad(service, 6);
    await until(
      async () => (await service.pool()).lanes.filter(({ state }) => state !== 'gone').length === 4,
      'all workers run',
    );
    const first = await wide.stop();
    const narrow = startLoad(service, 1);
    await until(
      async () => (await service.pool()).lanes.filter(({ state }) => state !== 'gone').length === 1,
      'one is left',
    );
    const second = await narrow.stop();
    assert.deepEqual([...first.failures, ...second.failures], []);
    const { counters, ended } = await service.pool();
    assert.deepEqual([ended.idle, counters.aborted, counters.refused], [3, 0, 0]);
  });

  it('reload with a broken configuration: the old one goes on; the command exits non-zero with file and line', async (t) => {
    const service = await PhpService.start(t, { files });
    const pid = await service.text('pid.php');
    change(service, /workers = 2/, 'workers = "two"');
    const { status, err } = await postern(t, service.folder, ['reload']);
    assert.equal(status, 78);
    assert.match(err, /^postern: .*postern\.toml:\d+: /);
    service.postern.child.kill('SIGHUP');
    assert.match((await service.logged('not reloaded, the service goes on as it was'))[0]!.msg, /postern\.toml:\d+: /);
    assert.ok((await service.text('pid.php')).length > 0);
    assert.equal((await service.pool()).generation, 1);
    assert.ok(Number(pid) > 0);
  });

  it('reload with a program that does not start: the old one goes on, and the command says why', async (t) => {
    const service = await PhpService.start(t, { files });
    change(service, /php = "auto"/, 'command = ["/bin/false"]');
    const { status, err } = await postern(t, service.folder, ['reload']);
    assert.equal(status, 1);
    assert.match(err, /not reloaded, the service goes on as it was: \/bin\/false ended at its start \(exit 1\)/);
    assert.ok(Number(await service.text('pid.php')) > 0);
  });
});

function change(service: PhpService, from: RegExp, to: string): void {
  const text = readFileSync(service.config, 'utf8');
  assert.match(text, from);
  writeFileSync(service.config, text.replace(from, to));
}

/** Clients that ask again and again until they are stopped. */
function startLoad(service: PhpService, clients: number) {
  let isOver = false;
  let answered = 0;
  const failures: string[] = [];
  const pids = new Set<string>();
  const one = async (): Promise<void> => {
    while (!isOver) {
      try {
        const response = await service.get('pid.php');
        const body = await response.text();
        if (response.status !== 200 || !/\d/.test(body)) failures.push(`${response.status} ${body}`);
        else pids.add(body);
        answered += 1;
      } catch (error) {
        failures.push(String((error as Error).cause ?? error));
      }
      await wait(5);
    }
  };
  const all = Array.from({ length: clients }, one);
  return {
    async stop() {
      isOver = true;
      await Promise.all(all);
      return { answered, failures, pids };
    },
  };
}
