// Many pools in one service: what a start and a reload ask of the system does not grow with them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { postern, startPostern } from '../../support/postern-process.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const pools = 300;

/** Lines of a trace that are programs which were started and found. */
const started = (trace: string): string[] =>
  trace.split('\n').flatMap((line) => /execve\("([^"]+)".* = 0$/.exec(line)?.[1] ?? []);

/** A configuration with many pools on demand, each with a user where we are root. */
async function manyPools(t: TestContext) {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const user = process.getuid?.() === 0 ? 'user = "nobody"\n' : '';
  const sections = Array.from(
    { length: pools },
    (_, index) =>
      `[[site.main.route]]\nmatch = "/p${index}/*"\npool = "p${index}"\n[pool.p${index}]\ncommand = ["/bin/cat"]\nminWorkers = 0\n${user}`,
  );
  const config = join(folder, 'postern.toml');
  writeFileSync(config, `[log]\nfile = "log"\n[site.main]\nlisten = "127.0.0.1:${port}"\n${sections.join('')}`);
  writeFileSync(join(folder, 'index.html'), 'hello');
  return { folder, config, url: `http://127.0.0.1:${port}/` };
}

describe('a service with many pools', () => {
  it('starts, reloads and ends without a process or a folder for each', { timeout: 120_000 }, async (t) => {
    if (findProgram('strace') === null) return t.skip('strace is not installed');
    const { folder, config, url } = await manyPools(t);
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
});
