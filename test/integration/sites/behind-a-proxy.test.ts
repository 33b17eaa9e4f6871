// What docs/behind-a-proxy.md says, done: each web server of the page with the very lines of the page, before a service with its configuration.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startApache } from '../../support/apache.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startNginx } from '../../support/nginx.ts';
import { startPostern } from '../../support/postern-process.ts';
import { freePort, startServer } from '../../support/server-process.ts';

const page = readFileSync(new URL('../../../docs/behind-a-proxy.md', import.meta.url), 'utf8');

function block(language: string): string {
  const text = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1];
  assert.ok(text, `the page has no block of ${language}`);
  return text;
}

/** The service of the page, with a port and a folder of its own. @returns its port */
async function service(t: TestContext): Promise<number> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  mkdirSync(join(folder, 'www'));
  writeFileSync(
    join(folder, 'www/index.php'),
    `<?php echo json_encode([$_SERVER['REMOTE_ADDR'], $_SERVER['REQUEST_SCHEME'], $_SERVER['HTTP_HOST'], $_SERVER['REQUEST_URI'], strlen(file_get_contents('php://input'))]);`,
  );
  const config = block('toml')
    .replace('127.0.0.1:8000', `127.0.0.1:${port}`)
    .replace('"/srv/www"', `"${folder}/www"`)
    .replace('user = "www-data"', 'allowRoot = true');
  writeFileSync(join(folder, 'postern.toml'), config);
  await startPostern(t, folder, ['run'], folder).wrote(/"msg":"running"/);
  return port;
}

/** The client's own address and host reach the script, whoever connects from elsewhere says what it likes. */
async function asked(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/index.php?a=b%20c`;
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), ['127.0.0.1', 'http', `127.0.0.1:${port}`, '/index.php?a=b%20c', 100_000]);
}

describe('behind a proxy', () => {
  it('nginx passes on what the page says', async (t) => {
    if (findProgram('nginx') === null || findProgram('php-cgi') === null)
      return t.skip('nginx or php-cgi is not installed');
    const port = await service(t);
    const server = /location[\s\S]*\n {4}\}/.exec(block('nginx'))![0];
    const nginx = await startNginx(t, server.replace('127.0.0.1:8000', `127.0.0.1:${port}`));
    await asked(nginx.port);
  });

  it('Apache passes on what the page says', async (t) => {
    if (findProgram('apache2') === null || findProgram('php-cgi') === null)
      return t.skip('apache2 or php-cgi is not installed');
    const port = await service(t);
    const lines = block('apache').replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`);
    const apache = await startApache(t, ['proxy', 'proxy_http', 'headers'], lines);
    await asked(apache.port);
  });

  it('HAProxy passes on what the page says', async (t) => {
    if (findProgram('haproxy') === null || findProgram('php-cgi') === null)
      return t.skip('haproxy or php-cgi is not installed');
    const port = await service(t);
    const folder = temporaryFolder(t);
    const own = await freePort();
    const file = join(folder, 'haproxy.cfg');
    const lines = block('haproxy')
      .replace('bind :8080', `bind 127.0.0.1:${own}`)
      .replace('127.0.0.1:8000', `127.0.0.1:${port}`);
    writeFileSync(file, lines);
    await startServer(t, ['haproxy', '-db', '-f', file], own);
    await asked(own);
  });
});
