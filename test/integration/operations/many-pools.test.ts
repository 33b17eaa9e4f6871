// Many pools in one service: what a start and a reload ask of the system does not grow with them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { postern, startPostern } from '../../support/postern-process.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

/** Lines of a trace that are programs which were started and found. */
const started = (trace: string): string[] =>
  trace.split('\n').flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);

/**
 * A configuration with many pools on demand, each with a user where we are root.
 * @param kind what they run: lines of each pool
 */
async function manyPools(t: TestContext, pools: number, kind: string) {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const user = process.getuid?.() === 0 ? 'user = "nobody"\n' : '';
  const config = join(folder, 'postern.toml');
  const write = (lines: (index: number) => string): void => {
    const sections = Array.from(
      { length: pools },
      (_, index) =>
        `[[site.main.route]]\nmatch = "/p${index}/*.php"\npool = "p${index}"\n[pool.p${index}]\nminWorkers = 0\n${user}${lines(index)}\n`,
    );
    writeFileSync(config, `[log]\nfile = "log"\n[site.main]\nlisten = "127.0.0.1:${port}"\n${sections.join('')}`);
  };
  write(() => kind);
  writeFileSync(join(folder, 'index.html'), 'hello');
  return { folder, config, write, url: `http://127.0.0.1:${port}/` };
}

/** Processes that each pool has started since the start of the service, of those that have started any. */
async function startedBy(t: TestContext, folder: string, config: string): Promise<Record<string, number>> {
  const { out } = await postern(t, folder, ['status', '--json', '-c', config]);
  const { pools: all } = JSON.parse(out) as { pools: { name: string; spawned: number }[] };
  return Object.fromEntries(all.filter(({ spawned }) => spawned > 0).map(({ name, spawned }) => [name, spawned]));
}

describe('a service with many pools', () => {
  it('starts, reloads and ends without a process or a folder for each', { timeout: 120_000 }, async (t) => {
    if (findProgram('strace') === null) return t.skip('strace is not installed');
    const { folder, config, url } = await manyPools(t, 300, 'command = ["/bin/cat"]');
    const trace = join(folder, 'trace');
    const wrapper = ['strace', '-f', '-o', trace, '-e', 'trace=execve'];
    const { output, ended } = startPostern(t, folder, ['run', '-c', config], folder, wrapper);
    await until(async () => (await fetch(url)).ok, output);
    await until(() => /"msg":"running"/.test(readFileSync(join(folder, 'log'), 'utf8')));
    const reloaded = await postern(t, folder, ['reload', '-c', config]);
    assert.deepEqual([reloaded.status, reloaded.out], [0, 'reloaded: nothing had changed\n']);
    const [manager = ''] = readdirSync(folder).filter((name) => name.startsWith('manager-'));
    assert.ok(readdirSync(join(folder, manager)).length < 10, 'no folder for a pool without a worker');
    await postern(t, folder, ['stop', '-c', config]);
    await ended();
    assert.ok(started(readFileSync(trace, 'utf8')).length < 10, started(readFileSync(trace, 'utf8')).join(' '));
  });

  it('tries a program once at a reload, however many pools on demand have it, and one that did not change not at all', {
    timeout: 120_000,
  }, async (t) => {
    if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
    const php = 'php = "php-cgi"\nworkers = 1\n';
    const { folder, config, write, url } = await manyPools(t, 40, php);
    const { output } = startPostern(t, folder, ['run', '-c', config], folder);
    await until(async () => (await fetch(url)).ok, output);
    await until(() => /"msg":"running"/.test(readFileSync(join(folder, 'log'), 'utf8')));
    const reload = async (...more: string[]): Promise<number | null> =>
      (await postern(t, folder, ['reload', '-c', config, ...more])).status;
    write(() => `${php}idleTimeout = "77s"`);
    const { status: first, out } = await postern(t, folder, ['reload', '-c', config]);
    assert.deepEqual([first, await startedBy(t, folder, config)], [0, {}], 'limits alone');
    assert.equal(out, 'reloaded: 40 pools reloaded (p0, p1, p2 and 37 more)\n', 'not a line of all names');
    write((index) => `${php}ini = { memory_limit = "${index % 2 === 0 ? '64M' : '96M'}" }`);
    assert.deepEqual([await reload(), await startedBy(t, folder, config)], [0, { p0: 1, p1: 1 }], 'two programs');
    assert.deepEqual([await reload('--all'), await startedBy(t, folder, config)], [0, { p0: 2, p1: 2 }], 'asked for');
    write((index) => (index === 7 ? 'command = ["/bin/false"]' : `${php}ini = { memory_limit = "128M" }`));
    const { status, err } = await postern(t, folder, ['reload', '-c', config]);
    assert.equal(status, 1, 'one that does not start');
    assert.match(err, /false ended at its start \(exit 1\): the new workers did not start/);
  });
});
