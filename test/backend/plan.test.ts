import assert from 'node:assert/strict';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { planPool, planPools, type WorkersPlan } from '../../src/backend/plan.ts';
import { parseConfig } from '../../src/config/config-file.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import type { Php } from '../../src/php/find-php.ts';
import { temporaryFolder } from '../support/folder.ts';

const context = { path: '/usr/bin:/bin', home: null, asRoot: 'allow', embeddedWorkers: null } as const;

/** When connections of a program with this file name are kept. */
async function reuseOf(t: TestContext, name: string, given: { reuse?: 'always' } = {}): Promise<string> {
  const folder = temporaryFolder(t);
  symlinkSync('/bin/true', join(folder, name));
  const { values, refusal } = defineConfig(
    { site: { main: {} }, pool: { a: { command: [`./${name}`], ...given } } },
    folder,
  );
  const plan = (await planPool('a', values.pool.a!, { ...context, folder, refusal })) as WorkersPlan;
  return plan.prepare().program.reuse;
}

describe('planPool()', () => {
  it('keeps no connection after a request with a body for a command, unless the configuration says so', async (t) => {
    for (const name of ['php-cgi', 'php8.2-cgi', 'counter', 'phpbb.fcgi'])
      assert.equal(await reuseOf(t, name), 'bodiless');
    assert.equal(await reuseOf(t, 'php-cgi', { reuse: 'always' }), 'always');
  });

  it('gives an application its threads, and as many lanes', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'app.ts'), '');
    const programOf = async (settings: object) => {
      const { values, refusal } = defineConfig(
        { site: { main: {} }, pool: { a: { app: 'app.ts', ...settings } } },
        folder,
      );
      const plan = (await planPool('a', values.pool.a!, { ...context, folder, refusal })) as WorkersPlan;
      const { env, lanesPerWorker } = plan.prepare().program;
      return [env.POSTERN_THREADS, lanesPerWorker];
    };
    assert.deepEqual(await programOf({}), [undefined, 1]);
    assert.deepEqual(await programOf({ threads: 3 }), ['3', 3]);
    assert.deepEqual(await programOf({ threads: 3, lanes: 12 }), ['3', 12]);
  });

  it('names file and line when its PHP cannot be used, or it would run as root', async (t) => {
    const folder = temporaryFolder(t);
    const { values, refusal } = parseConfig('[site.main]\n[pool.a]\nphp = "/bin/true"\n', join(folder, 'p.toml'));
    const planned = (asRoot: 'allow' | 'refuse') =>
      planPool('a', values.pool.a!, { ...context, asRoot, folder, refusal });
    const place = (line: number) => new RegExp(`^${folder}/p\\.toml:${line}: `);
    await assert.rejects(planned('allow'), { code: 'CONFIG_INVALID', message: place(3) });
    if (process.getuid?.() === 0) await assert.rejects(planned('refuse'), { message: place(2) });
  });
});

describe('planPools()', () => {
  it('looks for the PHP of many pools once, and has one probe script for all of them', async (t) => {
    const folder = temporaryFolder(t);
    const names = Array.from({ length: 100 }, (_, index) => `p${index}`);
    const pool = Object.fromEntries(names.map((name) => [name, { php: 'auto' as const, allowRoot: true }]));
    const { values, refusal } = defineConfig({ site: { main: {} }, pool }, folder);
    let looks = 0;
    const php: Php = {
      kind: 'cgi',
      path: '/bin/true',
      version: { text: '8.4.1', major: 8, minor: 4, patch: 1, isRelease: true },
      reason: 'of this test',
      warnings: [],
    };
    const findPhp = (): Promise<Php> => {
      looks += 1;
      return Promise.resolve(php);
    };
    const plans = await planPools(values.pool, { ...context, folder, refusal, findPhp });
    assert.deepEqual([plans.length, looks], [100, 1]);
    const prepared = plans.map((plan) => (plan as WorkersPlan).prepare());
    const scripts = new Set(prepared.map(({ program }) => program.probe?.environment.SCRIPT_FILENAME ?? ''));
    assert.equal(scripts.size, 1);
    const [script = ''] = scripts;
    for (const { release } of prepared.slice(1)) release();
    assert.equal(existsSync(script), true);
    prepared[0]!.release();
    assert.equal(existsSync(script), false);
  });
});
