// WordPress under load from 16 clients: nothing fails by itself, a kill fails only what ran in the killed process, and reloads fail nothing.
// Each phase takes 10 s; POSTERN_LOAD_SECONDS=60 gives a minute each.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolSnapshot } from '../../../src/queue/pool-snapshot.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { mariaDbMissing, startMariaDb } from '../../support/mariadb.ts';
import { type RunningPostern, startPostern } from '../../support/postern.ts';
import { freePort } from '../../support/server-process.ts';
import { copyWordPress, siteMissing } from '../../support/sites.ts';

const missing =
  siteMissing('wordpress') ?? mariaDbMissing() ?? (findProgram('php-cgi') ? null : 'php-cgi is not installed');
const secondsPerPhase = Number(process.env.POSTERN_LOAD_SECONDS ?? 10);
const clientCount = 16;
const workerCount = 8;

/** What the clients saw. */
interface Tally {
  good: number;
  /** "status path", or "error code path". */
  readonly bad: string[];
}

test('WordPress under load, kills and reloads', { skip: missing ?? false }, async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  const site = join(folder, 'site');
  const file = join(folder, 'postern.toml');
  const database = await startMariaDb();
  t.after(database.stop);
  copyWordPress(site, database.socketPath);
  writeFileSync(join(site, 'limit.php'), '<?php echo ini_get("memory_limit");');
  const ports = { site: await freePort(), admin: await freePort() };
  const configure = (memoryLimit: string): void => writeFileSync(file, configuration(ports, memoryLimit));
  configure('128M');
  const addresses = { base: `http://127.0.0.1:${ports.site}`, admin: `http://127.0.0.1:${ports.admin}` };
  const postern = await startPostern(t, ['run', '-c', file], addresses);
  await installWordPress(postern.base);

  await t.test('16 clients: no error, no lane lost, the accounting exact at the end', async () => {
    const tally = await load(postern.base, () => delay(secondsPerPhase * 1000));
    assert.deepEqual(tally.bad, []);
    assert.ok(tally.good > 0);
    const pool = await settled(postern);
    assertAccounting(pool);
    assert.ok(pool.lanes.filter(({ state }) => state === 'idle').length > 0);
    t.diagnostic(`steady: ${tally.good} answers`);
  });

  await t.test(
    'kill -9 of children and of the parent: what fails is named in the log, the rest is answered',
    async () => {
      const before = postern.output().length;
      let kills = 0;
      const tally = await load(postern.base, async () => {
        const until = Date.now() + secondsPerPhase * 1000;
        while (Date.now() < until) {
          await delay(1000);
          const { lanes } = await postern.pool();
          const alive = lanes.filter(({ state, pid }) => pid > 0 && (state === 'busy' || state === 'idle'));
          const busy = alive.filter(({ state }) => state === 'busy');
          const victims = kills % 4 === 3 ? alive.map(({ pid }) => pid) : busy.slice(0, 1).map(({ pid }) => pid);
          if (kills % 4 === 1) victims.splice(0, 1, alive[0]?.workerPid ?? 0);
          for (const pid of victims) if (pid > 0 && kill(pid)) kills += 1;
        }
      });
      // GET may be repeated once; what failed all the same ran in a killed process, and so did its one repetition.
      assert.ok(tally.bad.length <= kills, `${kills} kills, but ${tally.bad.length} failed: ${tally.bad.join(', ')}`);
      assert.ok(
        tally.bad.every((line) => line.startsWith('502 ') || line.startsWith('error ')),
        tally.bad.join(', '),
      );
      const log = postern.output().slice(before);
      assert.match(log, /SIGKILL/);
      assertAccounting(await settled(postern));
      t.diagnostic(`kills: ${kills}; ${tally.good} answers, ${tally.bad.length} failed`);
    },
  );

  await t.test(
    'a reload every two seconds with a changed ini: not one request fails, the new value is seen',
    async () => {
      let reloads = 0;
      const tally = await load(postern.base, async () => {
        const until = Date.now() + secondsPerPhase * 1000;
        while (Date.now() < until) {
          reloads += 1;
          const memoryLimit = `${128 + reloads}M`;
          configure(memoryLimit);
          const result = await postern.command(['reload', '-c', file]);
          assert.equal(result.status, 0, result.err);
          assert.equal(await (await fetch(`${postern.base}/limit.php`)).text(), memoryLimit);
          await delay(2000);
        }
      });
      assert.deepEqual(tally.bad, []);
      t.diagnostic(`reloads: ${reloads}; ${tally.good} answers`);
    },
  );

  await t.test('a reload with a broken file: exit 78, file and line, and the old configuration goes on', async () => {
    const old = await (await fetch(`${postern.base}/limit.php`)).text();
    configure('64M');
    writeFileSync(file, `${configuration(ports, '64M')}wrokers = 3\n`);
    const result = await postern.command(['reload', '-c', file]);
    assert.equal(result.status, 78);
    assert.match(result.err, /postern\.toml:\d+: .*wrokers/);
    assert.equal(await (await fetch(`${postern.base}/limit.php`)).text(), old);
  });

  assertAccounting(await settled(postern));
  assert.equal(await postern.stop(), 0);
});

function configuration(ports: { site: number; admin: number }, memoryLimit: string): string {
  return `
[admin]
listen = "127.0.0.1:${ports.admin}"

[site.main]
listen = ["127.0.0.1:${ports.site}"]
root = "site"
index = ["index.php", "index.html"]
fallback = "/index.php"

[[site.main.route]]
match = "*.php"
pool = "php"

[pool.php]
php = "auto"
workers = ${workerCount}
queueTimeout = "30s"
${process.getuid?.() === 0 ? 'user = "www-data"' : ''}
ini = { memory_limit = "${memoryLimit}" }
`;
}

async function installWordPress(base: string): Promise<void> {
  const body = new URLSearchParams({
    weblog_title: 'Under load',
    user_name: 'editor',
    admin_password: 'a-Long-Passphrase-42',
    admin_password2: 'a-Long-Passphrase-42',
    admin_email: 'editor@example.org',
  });
  const answer = await fetch(`${base}/wp-admin/install.php?step=2`, { method: 'POST', body });
  assert.match(await answer.text(), /Success!/);
}

/** Keeps the clients busy while something happens. */
async function load(base: string, meanwhile: () => Promise<void>): Promise<Tally> {
  const tally: Tally = { good: 0, bad: [] };
  const paths = ['/', '/sample-page/', '/wp-login.php', '/?s=hello', '/wp-includes/css/dashicons.css'];
  let isOver = false;
  const agent = new Agent({ keepAlive: true, maxSockets: clientCount });
  const clients = Array.from({ length: clientCount }, async (_, client) => {
    for (let turn = client; !isOver; turn += 1) {
      const path = paths[turn % paths.length]!;
      const outcome = await get(agent, base + path);
      if (outcome === '200') tally.good += 1;
      else tally.bad.push(`${outcome} ${path}`);
    }
  });
  try {
    await meanwhile();
  } finally {
    isOver = true;
    await Promise.all(clients);
    agent.destroy();
  }
  return tally;
}

/** @returns the status, or "error CODE" when the answer was not complete */
function get(agent: Agent, url: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { agent }, (answer) => {
      answer.on('error', (error: NodeJS.ErrnoException) => resolve(`error ${error.code ?? error.message}`));
      answer.on('end', () => resolve(String(answer.statusCode)));
      answer.resume();
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(`error ${error.code ?? error.message}`));
    asked.end();
  });
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // it has gone by itself since the snapshot
  }
}

/** The scoreboard when nothing waits or runs any more. */
async function settled(postern: RunningPostern): Promise<PoolSnapshot> {
  for (let tries = 0; tries < 300; tries += 1) {
    const pool = await postern.pool();
    if (pool.counters.waiting + pool.counters.running === 0) return pool;
    await delay(100);
  }
  throw new Error(`requests are still running: ${JSON.stringify((await postern.pool()).counters)}`);
}

function assertAccounting({ counters }: PoolSnapshot): void {
  const { accepted, waiting, running, finished, refused, aborted } = counters;
  assert.equal(accepted, waiting + running + finished + refused + aborted);
}
