// Clients that do not read what a real PHP writes: what that costs a real process, and what it costs others.

import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPhpCgi } from '../../support/php-cgi.ts';
import { phpMissing, phpPool } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { RawClient } from '../../support/raw-client.ts';
import { writeFiles } from '../../support/site.ts';
import { until } from '../../support/until.ts';

const files = {
  'public/huge.php':
    '<?php while (ob_get_level()) ob_end_clean(); for ($i = 0; $i < (int)$_GET["mb"]; $i++) echo str_repeat("d", 1048576);',
  'public/pid.php': '<?php echo "pid ", getmypid();',
  'public/finish.php':
    '<?php ob_start(); echo "ok"; header("Content-Length: " . ob_get_length()); if (isset($_GET["close"])) header("Connection: close"); while (ob_get_level()) ob_end_flush(); flush(); sleep(3); file_put_contents(__DIR__ . "/finished", "worked");',
  'postern.toml': `[site.main]\nlisten = ["127.0.0.1:0"]\nroot = "public"\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\n${phpPool}workers = 1\n[admin]\nlisten = "127.0.0.1:0"\n`,
};

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

describe('a client of a real process', { skip: phpMissing }, () => {
  async function start(t: Parameters<typeof startPostern>[0]) {
    const folder = temporaryFolder(t);
    writeFiles(folder, files);
    const args = ['run', '-c', join(folder, 'postern.toml'), '--allow-root'];
    const postern = startPostern(t, temporaryFolder(t), args, folder);
    const [, port] = await postern.wrote(/"address":"127\.0\.0\.1:(\d+)"/);
    return { postern, port: Number(port), folder };
  }

  it('that reads nothing of a gigabyte costs no memory; one of 20 MB holds no worker', async (t) => {
    const { postern, port } = await start(t);
    const warm = await RawClient.connect(t, port);
    warm.send('GET /pid.php HTTP/1.1\r\nHost: a\r\n\r\n');
    await warm.untilHas('pid ');
    const before = residentMegabytes(postern.pid);
    const still = await RawClient.connect(t, port);
    still.socket.pause();
    still.send('GET /huge.php?mb=20 HTTP/1.1\r\nHost: a\r\n\r\n');
    warm.send('GET /pid.php HTTP/1.1\r\nHost: a\r\n\r\n');
    await warm.untilHas('pid ', 2);
    const endless = await RawClient.connect(t, port);
    endless.socket.pause();
    endless.send('GET /huge.php?mb=1040 HTTP/1.1\r\nHost: a\r\n\r\n');
    let most = 0;
    for (let look = 0; look < 30; look += 1) {
      await wait(100);
      most = Math.max(most, residentMegabytes(postern.pid));
    }
    assert.ok(most < before + 40, `${before.toFixed(0)} MB grew to ${most.toFixed(0)} MB`);
  });

  it('that has a whole answer by its length may ask for more, though the script works on', async (t) => {
    const { port } = await start(t);
    const client = await RawClient.connect(t, port);
    const startedAt = performance.now();
    client.send('GET /finish.php HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.untilHas('\r\n\r\nok');
    client.send('GET /missing.html HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.untilHas('HTTP/1.1 404');
    assert.ok(performance.now() - startedAt < 2_500, 'the second answer waited for the script');
    const second = await RawClient.connect(t, port);
    second.send('GET /finish.php?close=1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const askedAt = performance.now();
    assert.match(await second.untilEnd(), /Connection: close\r\n[\s\S]*\r\nok$/);
    // The first one's script held the only worker for up to three seconds.
    assert.ok(performance.now() - askedAt < 5_500, 'the end waited for the script');
  });
});

const app = new URL('../../../src/app/index.ts', import.meta.url).href;
const endless = {
  'public/endless.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nexec cat /dev/zero\n',
  'public/ok.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nok"\n',
  'public/endless.php': '<?php while (ob_get_level()) ob_end_clean(); for (;;) echo str_repeat("d", 1048576);',
  'public/ok.php': '<?php echo "ok";',
  'endless.ts': `import { defineApp, run } from '${app}';
const chunk = new Uint8Array(65_536);
await run(defineApp({
  async respond(call, context) {
    call.head(200, ['content-type', 'text/plain']);
    while (call.url.includes('endless') && !context.signal.aborted) if (!call.write(chunk)) await call.drained();
    if (!context.signal.aborted) call.write(Buffer.from('ok'));
  },
}));
`,
};
interface Kind {
  readonly name: string;
  /** What ends a path. */
  readonly ending: string;
  readonly match: string;
  readonly pool: (folder: string) => string;
}
const kinds: readonly Kind[] = [
  { name: 'cgi', ending: '.sh', match: '*.sh', pool: () => 'cgi = true\nallowRoot = true' },
  { name: 'command', ending: '.php', match: '*.php', pool: () => 'command = ["php-cgi"]\nallowRoot = true' },
  { name: 'connect', ending: '.php', match: '*.php', pool: (folder) => `connect = "unix:${folder}/cgi.sock"` },
  { name: 'app', ending: '', match: '/*', pool: () => 'app = "endless.ts"\nallowRoot = true' },
];

describe('a client that reads nothing of an endless answer', { skip: phpMissing }, () => {
  for (const { name, ending, match, pool } of kinds) {
    it(`of a pool of kind ${name}: a bounded amount waits for it, and after writeTimeout its program is stopped and serves others`, async (t) => {
      const folder = temporaryFolder(t);
      writeFiles(folder, {
        ...endless,
        'postern.toml': `[site.main]\nlisten = ["127.0.0.1:0"]\nroot = "public"\nwriteTimeout = "3s"\n[[site.main.route]]\nmatch = "${match}"\npool = "it"\n[pool.it]\n${pool(folder)}\nworkers = 1\n`,
      });
      for (const script of ['endless.sh', 'ok.sh']) chmodSync(join(folder, 'public', script), 0o755);
      if (name === 'connect') await startPhpCgi(t, findProgram('php-cgi')!, folder);
      const args = ['run', '-c', join(folder, 'postern.toml')];
      const postern = startPostern(t, temporaryFolder(t), args, folder);
      const [, port] = await postern.wrote(/"address":"127\.0\.0\.1:(\d+)"/);
      const before = residentMegabytes(postern.pid);
      const client = await RawClient.connect(t, Number(port));
      client.socket.pause();
      client.send(`GET /endless${ending} HTTP/1.1\r\nHost: a\r\n\r\n`);
      let most = 0;
      await until(() => {
        most = Math.max(most, residentMegabytes(postern.pid));
        return /the client took no more of its answer for 3000 ms/.test(postern.output());
      }, 'the client is given up');
      assert.ok(most < before + 150, `${before.toFixed(0)} MB grew to ${most.toFixed(0)} MB`);
      const other = await fetch(`http://127.0.0.1:${port}/ok${ending}`);
      assert.deepEqual([other.status, await other.text()], [200, 'ok']);
    });
  }
});
