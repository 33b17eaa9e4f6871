// Processes of an application with several lanes: what becomes of them when nobody asks any more.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isGone } from '../../../src/worker/process-table.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { type RunningPostern, startPostern } from '../../support/postern.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const entry = JSON.stringify(new URL('../../../src/app/index.ts', import.meta.url).href);
const program = `import { defineApp } from ${entry};
export default defineApp({ fetch: () => new Response(String(process.pid)) });
`;

async function runApp(t: TestContext, settings: string): Promise<RunningPostern> {
  const folder = temporaryFolder(t);
  const [port, adminPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'app.ts'), program);
  writeFileSync(
    join(folder, 'postern.toml'),
    `[admin]\nlisten = "127.0.0.1:${adminPort}"\n[site.main]\nlisten = "127.0.0.1:${port}"\n` +
      `[[site.main.route]]\nmatch = "/*"\npool = "app"\n[pool.app]\napp = "app.ts"\n${settings}`,
  );
  const addresses = { base: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${adminPort}` };
  return startPostern(t, ['run', '--allow-root', '-c', join(folder, 'postern.toml')], addresses);
}

describe('an application with four lanes a process and idleTimeout = "1s"', () => {
  for (const [title, minWorkers] of [
    ['leaves when nobody asks, and comes back when somebody does', 0],
    ['keeps minWorkers without a request', 4],
  ] as const) {
    it(title, { timeout: 90_000 }, async (t) => {
      const postern = await runApp(t, `workers = 8\nlanes = 4\nminWorkers = ${minWorkers}\nidleTimeout = "1s"\n`);
      const ask = async (): Promise<number> => Number(await (await fetch(postern.base)).text());
      const first = await ask();
      if (minWorkers === 0) await until(() => isGone(first), 'its process leaves');
      else await new Promise((resolve) => setTimeout(resolve, 4_000));
      const second = await ask();
      assert.equal(second === first, minWorkers > 0);
      // The sweep that looks for idle processes goes on, and nothing goes wrong in it.
      await until(() => minWorkers > 0 || isGone(second), 'and leaves again');
      assert.doesNotMatch(postern.output(), /cannot go from|made anew|"level":50/);
      assert.equal(postern.child.exitCode, null);
      assert.equal(await postern.stop(), 0);
    });
  }
});
