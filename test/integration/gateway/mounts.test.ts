import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fastcgiApplication } from '../../support/fastcgi-application.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { phpMissing, phpPool } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { RawClient } from '../../support/raw-client.ts';

const fixture = new URL('../../fixtures/tells-its-mount.ts', import.meta.url).pathname;

describe('an exact or prefix route to a command, app or connect pool', () => {
  it('mounts an application: SCRIPT_NAME is the matched path, PATH_INFO the rest, and no file is looked for', async (t) => {
    const folder = temporaryFolder(t);
    const elsewhere = await fastcgiApplication(({ environment }) => {
      const { SCRIPT_NAME, PATH_INFO, SCRIPT_FILENAME, QUERY_STRING } = environment;
      return { body: [SCRIPT_NAME, PATH_INFO ?? '-', SCRIPT_FILENAME ?? '-', QUERY_STRING].join(' ') };
    });
    t.after(() => elsewhere.close());
    const { address } = elsewhere;
    const connect = address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`;
    const pools = {
      app: `app = "${fixture}"`,
      command: `command = ["${process.execPath}", "${fixture}"]`,
      connect: `connect = "${connect}"`,
    };
    let config = '[site.main]\nlisten = "127.0.0.1:0"\nroot = "root"\n';
    for (const [name, line] of Object.entries(pools)) {
      config += `[[site.main.route]]\nmatch = ["/${name}/*", "/exact/${name}"]\npool = "${name}"\n`;
      config += `[pool.${name}]\n${line}\n${name === 'connect' ? '' : 'allowRoot = true\n'}`;
    }
    // A file and a folder where the applications are: nobody looks.
    mkdirSync(join(folder, 'root/app/index.html'), { recursive: true });
    writeFileSync(join(folder, 'root/command'), '');
    writeFileSync(join(folder, 'postern.toml'), config);
    const postern = startPostern(t, folder, ['run', '-c', join(folder, 'postern.toml')], folder);
    await postern.wrote(/"msg":"running"/);
    const port = Number(new URL(/"url":"(http:[^"]+)"/.exec(postern.out())![1]!).port);
    const told = async (target: string): Promise<string | undefined> => {
      const client = await RawClient.connect(t, port);
      client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      const answer = await client.untilEnd();
      return /^\/\S+ \S+ \S+ .*$/m.exec(answer)?.[0].trimEnd() ?? answer.split('\r\n')[0];
    };
    for (const name of Object.keys(pools)) {
      assert.equal(await told(`/${name}`), `/${name} - - `.trimEnd());
      assert.equal(await told(`/${name}/`), `/${name} / - `.trimEnd());
      assert.equal(await told(`/${name}/a/b.php/%2e.x%2Fy?q=1`), `/${name} /a/b.php/..x/y - q=1`);
      assert.equal(await told(`/${name}/.hidden/x.bak?q`), `/${name} /.hidden/x.bak - q`);
      assert.equal(await told(`/exact/${name}?q`), `/exact/${name} - - q`);
      assert.equal(await told(`/exact/${name}/x`), 'HTTP/1.1 404 Not Found');
    }
  });
});

describe('a route with time limits of its own', { skip: phpMissing }, () => {
  it('gives its requests more or less than their pool does', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'root'));
    for (const name of ['slow.php', 'quick.php']) {
      writeFileSync(join(folder, 'root', name), '<?php usleep(2500000); echo "done";');
    }
    const config =
      '[site.main]\nlisten = "127.0.0.1:0"\nroot = "root"\n' +
      '[[site.main.route]]\nmatch = "/slow.php"\npool = "php"\nrequestTimeout = "20s"\nreadTimeout = "20s"\n' +
      '[[site.main.route]]\nmatch = "*.php"\npool = "php"\n' +
      `[pool.php]\n${phpPool}workers = 2\nrequestTimeout = "1s"\n`;
    writeFileSync(join(folder, 'postern.toml'), config);
    const postern = startPostern(t, folder, ['run', '-c', join(folder, 'postern.toml')], folder);
    await postern.wrote(/"msg":"running"/);
    const url = /"url":"(http:[^"]+)"/.exec(postern.out())![1]!;
    const [slow, quick] = await Promise.all([fetch(`${url}slow.php`), fetch(`${url}quick.php`)]);
    assert.deepEqual([slow.status, await slow.text(), quick.status], [200, 'done', 504]);
  });
});
