import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sound } from '../../src/config/config.ts';
import { readConfigApart } from '../../src/config/config-apart.ts';
import { parseConfig, readConfig, readFileOf } from '../../src/config/config-file.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('readConfigApart()', () => {
  it('reads what readConfig() reads, and names lines as it does', async (t) => {
    const file = join(temporaryFolder(t), 'postern.toml');
    writeFileSync(file, '[site.main]\nlisten = "unix:a.sock"\n[pool.a]\nconnect = "unix:b.sock"\n');
    const [apart, here] = await Promise.all([readConfigApart(file), readConfig(file)]);
    assert.deepEqual([apart.values, apart.file, apart.folder], [here.values, here.file, here.folder]);
    const problem = { path: ['pool', 'a', 'workers'], message: 'too many' };
    assert.equal(apart.refusal(problem).message, `${file}:3: too many`);
  });

  it('refuses what readConfig() refuses, in the same words', async (t) => {
    const file = join(temporaryFolder(t), 'postern.toml');
    for (const text of ['[site.main]\nroot = "gone"\nwoot = 1\n', 'a = = 1', null]) {
      if (text !== null) writeFileSync(file, text);
      const asked = text === null ? `${file}.gone` : file;
      const expected = await readConfig(asked).catch((error: Error) => error.message);
      await assert.rejects(readConfigApart(asked), { code: 'CONFIG_INVALID', message: expected as string });
    }
  });

  it('finds the lines of what is wrong where the file is read, not where it is told', async (t) => {
    const file = join(temporaryFolder(t), 'postern.toml');
    writeFileSync(file, '[site.main]\nlisten = "unix:a.sock"\nwoot = 1\n');
    const read = await readFileOf(file);
    const sent = structuredClone({ ...read, origin: { ...read.origin, text: '' } });
    assert.throws(
      () => sound(sent),
      (error: Error) => error.message.startsWith(`${file}:3: unknown key`),
    );
  });

  it('leaves the service to its requests while it reads a thousand pools', async (t) => {
    const file = join(temporaryFolder(t), 'postern.toml');
    const pools = Array.from(
      { length: 1_000 },
      (_, i) => `[pool.p${i}]\nphp = "auto"\nini = { memory_limit = "1M" }\n`,
    );
    const text = `[site.main]\n${pools.join('')}`;
    writeFileSync(file, text);
    const begun = performance.now();
    parseConfig(text, file);
    const inPlaceMs = performance.now() - begun;
    let longestMs = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 1);
    const { values } = await readConfigApart(file);
    clearInterval(timer);
    assert.equal(Object.keys(values.pool).length, 1_000);
    assert.ok(
      longestMs < inPlaceMs,
      `it stood still for ${longestMs} ms, where reading in place takes ${inPlaceMs} ms`,
    );
    t.diagnostic(`longest pause ${longestMs.toFixed(0)} ms, in place ${inPlaceMs.toFixed(0)} ms`);
  });
});
