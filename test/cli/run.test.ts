import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { type PosternProcess, postern, startPostern } from '../support/postern-process.ts';
import { freePort } from '../support/server-process.ts';
import { until } from '../support/until.ts';

interface Site {
  readonly folder: string;
  readonly config: string;
  readonly url: string;
  /** Writes the configuration, with more lines in the pool's section. */
  write(more: string): void;
}

async function phpSite(t: TestContext): Promise<Site | null> {
  if (findProgram('php-cgi') === null) {
    t.skip('php-cgi is not installed');
    return null;
  }
  const folder = temporaryFolder(t);
  const config = join(folder, 'postern.toml');
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/index.php'), "<?php echo getmypid(), ' ', ini_get('memory_limit');");
  writeFileSync(join(folder, 'public/slow.php'), "<?php touch('../begun'); usleep(1500000); echo 'slow';");
  const port = await freePort();
  const write = (more: string): void =>
    writeFileSync(
      config,
      `[log]\nfile = "log"\n[site.main]\nlisten = "127.0.0.1:${port}"\nroot = "public"\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nallowRoot = true\nworkers = 2\n${more}`,
    );
  write('');
  return { folder, config, url: `http://127.0.0.1:${port}/`, write };
}

async function started(t: TestContext, { folder, config, url }: Site): Promise<PosternProcess> {
  const running = startPostern(t, folder, ['run', '-c', config]);
  for (let tries = 0; tries < 600 && running.child.exitCode === null; tries += 1) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return running;
    await wait(50);
  }
  throw new Error(`it did not start: ${JSON.stringify(await running.ended())}`);
}

const text = async (url: string): Promise<string> => (await fetch(url)).text();

describe('postern run', () => {
  it('shows its workers, reloads what changed, keeps what is good, and stops when asked', async (t) => {
    const site = await phpSite(t);
    if (site === null) return;
    const running = await started(t, site);
    const [pid] = (await text(site.url)).split(' ');

    const status = await postern(t, site.folder, ['status', '--json']);
    const told = JSON.parse(status.out) as ServiceStatus;
    assert.equal(told.pid, running.pid);
    assert.deepEqual(told.notReady, []);
    assert.ok(told.pools[0]?.lanes.some((lane) => String(lane.pid) === pid));

    const nothing = await postern(t, site.folder, ['reload']);
    assert.deepEqual([nothing.status, nothing.out], [0, 'reloaded: nothing had changed\n']);
    assert.equal((await text(site.url)).split(' ')[0], pid, 'an unchanged pool keeps its workers');

    const asItWas = readFileSync(site.config, 'utf8');
    writeFileSync(site.config, asItWas.replace('[log]', '[log]\nlevel = "debug"'));
    const log = await postern(t, site.folder, ['reload']);
    assert.equal(log.out, 'reloaded: [log] has changed, which is read at the start only: restart for it\n');
    site.write('');
    await postern(t, site.folder, ['reload']);

    site.write('ini = { memory_limit = "77M" }\n');
    const changed = await postern(t, site.folder, ['reload', '-c', site.config]);
    assert.deepEqual([changed.status, changed.out], [0, 'reloaded: pool php reloaded\n']);
    assert.match(await text(site.url), / 77M$/);

    site.write('ini = { memory_limit = "88M" }\nworker = 3\n');
    const broken = await postern(t, site.folder, ['reload']);
    assert.deepEqual(
      [broken.status, broken.err],
      [78, `postern: ${site.config}:14: unknown key "worker" in [pool.php]: did you mean "workers"?\n`],
    );
    const asJson = await postern(t, site.folder, ['reload', '--json']);
    const { ok, problems } = JSON.parse(asJson.out) as { ok: boolean; problems: string[] };
    assert.deepEqual(
      [asJson.status, ok, problems.map((line) => line.replace(/:.*$/, ''))],
      [78, false, [site.config]],
      asJson.out,
    );
    assert.match(await text(site.url), / 77M$/, 'the old configuration goes on');

    const second = await postern(t, site.folder, ['run', '-c', join(site.folder, 'postern.toml')]);
    assert.equal(second.status, 78, 'the file is still broken');
    site.write('');
    const refused = await postern(t, site.folder, ['run', '-c', site.config]);
    assert.equal(refused.status, 1);
    assert.match(
      refused.err,
      new RegExp(`is in use by the service with pid ${running.pid}: stop it with postern stop --pid`),
    );
    assert.match(await text(site.url), / 77M$/, 'the first service is unharmed');

    const stopped = await postern(t, site.folder, ['stop']);
    assert.equal(stopped.status, 0);
    assert.equal((await running.ended()).status, 0);
  });

  it('reloads on HUP, opens its log again on USR1, finishes requests on TERM', async (t) => {
    const site = await phpSite(t);
    if (site === null) return;
    const running = await started(t, site);
    const log = join(site.folder, 'log');

    site.write('ini = { memory_limit = "99M" }\n');
    running.child.kill('SIGHUP');
    await until(async () => (await text(site.url)).endsWith(' 99M'));

    renameSync(log, `${log}.1`);
    running.child.kill('SIGUSR1');
    await until(async () => {
      await text(site.url);
      return hasText(log);
    });

    const slow = text(`${site.url}slow.php`);
    await until(() => existsSync(join(site.folder, 'begun')));
    running.child.kill('SIGTERM');
    assert.equal(await slow, 'slow');
    assert.equal((await running.ended()).status, 0);
    assert.match(readFileSync(log, 'utf8'), /"msg":"ended"/);
  });

  it('ends at once on a second TERM, with exit status 1', async (t) => {
    const site = await phpSite(t);
    if (site === null) return;
    writeFileSync(join(site.folder, 'public/long.php'), "<?php touch('../begun'); sleep(30); echo 'slow';");
    const running = await started(t, site);
    const slow = text(`${site.url}long.php`).catch(() => 'cut off');
    await until(() => existsSync(join(site.folder, 'begun')));
    running.child.kill('SIGTERM');
    await until(() => readFileSync(join(site.folder, 'log'), 'utf8').includes('"msg":"stopping'));
    running.child.kill('SIGTERM');
    assert.equal((await running.ended()).status, 1);
    assert.notEqual(await slow, 'slow');
  });

  for (const [what, program] of [
    ['preforked PHP', 'php = "auto"'],
    ['one PHP a worker', 'command = ["php-cgi"]'],
  ] as const) {
    it(`answers 503 at the end of stopTimeout what still runs or waits, with ${what}, and is over a moment later`, async (t) => {
      const site = await phpSite(t);
      if (site === null) return;
      writeFileSync(join(site.folder, 'public/loop.php'), "<?php file_put_contents('../begun', 'x'); for (;;);");
      site.write('stopTimeout = "2s"\nqueueTimeout = "5m"\n');
      const text = readFileSync(site.config, 'utf8');
      writeFileSync(site.config, text.replace('php = "auto"', program).replace('workers = 2', 'workers = 1'));
      const running = await started(t, site);
      const runs = fetch(`${site.url}loop.php`);
      await until(async () => hasText(join(site.folder, 'begun')));
      const waits = fetch(`${site.url}index.php`);
      await until(async () => {
        const { out } = await postern(t, site.folder, ['status', '--json']);
        return (JSON.parse(out) as ServiceStatus).pools[0]?.counters.waiting === 1;
      });

      const beganAtMs = performance.now();
      const stopped = await postern(t, site.folder, ['stop']);
      const tookMs = performance.now() - beganAtMs;
      assert.equal(stopped.status, 0, stopped.err);
      assert.equal((await running.ended()).status, 0);
      for (const answer of [await runs, await waits]) {
        assert.equal(answer.status, 503);
        assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
      }
      // Twice stopTimeout would be the grace of a process that was asked to leave only then.
      assert.ok(tookMs < 15_000, `it took ${tookMs} ms`);
      const lines = readFileSync(join(site.folder, 'log'), 'utf8').matchAll(/.*"error":"POOL_CLOSING".*/g);
      const told = [...lines].map(([line]) => (JSON.parse(line) as Record<string, unknown>).url);
      assert.deepEqual(told.sort(), ['/index.php', '/loop.php']);
    });
  }
});

function hasText(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').length > 0;
  } catch {
    return false;
  }
}
