import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { defineConfig } from '../../src/service/config.ts';
import { planPool, type WorkersPlan } from '../../src/service/plan.ts';
import { temporaryFolder } from '../support/folder.ts';

const context = { path: '/usr/bin:/bin', home: null, asRoot: 'allow', embeddedWorkers: null } as const;

/** When connections of a program with this file name are kept. */
async function reuseOf(t: TestContext, name: string, given: { reuse?: 'always' } = {}): Promise<string> {
  const folder = temporaryFolder(t);
  symlinkSync('/bin/true', join(folder, name));
  const { values } = defineConfig({ site: { main: {} }, pool: { a: { command: [`./${name}`], ...given } } }, folder);
  const plan = (await planPool('a', values.pool.a!, { ...context, folder })) as WorkersPlan;
  return plan.prepare().program.reuse;
}

describe('planPool()', () => {
  it('keeps no connection after a request with a body for a PHP that is run as a command', async (t) => {
    for (const name of ['php-cgi', 'php-cgi8.2', 'php8.2-cgi', 'php']) assert.equal(await reuseOf(t, name), 'bodiless');
    assert.equal(await reuseOf(t, 'php-cgi', { reuse: 'always' }), 'always');
  });

  it('keeps connections for other programs', async (t) => {
    for (const name of ['counter', 'phpbb.fcgi', 'my-php-cgi-wrapper']) assert.equal(await reuseOf(t, name), 'always');
  });
});
