// One configuration of a site that stands on the Internet by itself: three names with certificates by themselves, HTTP/2, compression, a password, a redirect
// and a limit, as curl, a browser, nghttp and h2load see it.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { browserMissing } from '../../support/browser.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { noPebble, type Pebble, startPebble } from '../../support/pebble.ts';
import { startPostern } from '../../support/postern-process.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const missing = ['curl', 'nghttp', 'h2load', 'certutil', 'htpasswd'].filter((name) => findProgram(name) === null);
const run = promisify(execFile);

const configuration = (pebble: Pebble, port: number): string => `[acme]
email = "admin@example.org"
directory = "${pebble.directory}"
ca = "${pebble.ca}"
store = "certificates"

[site.main]
host = ["example.org", "www.example.org", "shop.example.org"]
listen = ["https://127.0.0.1:${port}", "http://127.0.0.1:${pebble.httpPort}"]
tls = "auto"
redirect = "https"
root = "site"
compress = true

[[site.main.rule]]
match = "/old/*"
redirect = "/new/$1"

[[site.main.rule]]
match = "/admin/*"
auth = { realm = "Admin", file = "htpasswd" }

[[site.main.rule]]
match = "/limited.txt"
limit = { rate = "10/min", burst = 2 }
`;

describe('a site that stands by itself', {
  skip: noPebble ?? browserMissing() ?? (missing.length > 0 && `${missing.join(', ')}: not installed`),
}, () => {
  const cleanups: (() => unknown)[] = [];
  let folder: string;
  let port: number;
  let plainPort: number;
  let root: string;

  before(async () => {
    const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as TestContext;
    folder = temporaryFolder(t);
    const pebble = await startPebble(t);
    port = await freePort();
    plainPort = pebble.httpPort;
    root = join(folder, 'root.pem');
    writeFileSync(root, await pebble.root());
    for (const name of ['site', 'site/admin']) mkdirSync(join(folder, name));
    const page = `<!doctype html><title>the shop</title><link rel="stylesheet" href="/style.css"><p>${'word '.repeat(2_000)}`;
    writeFileSync(join(folder, 'site/index.html'), page);
    writeFileSync(join(folder, 'site/style.css'), `p { color: rgb(1, 2, 3) }${' '.repeat(2_000)}`);
    writeFileSync(join(folder, 'site/admin/index.html'), 'the secret');
    writeFileSync(join(folder, 'site/limited.txt'), 'a little');
    execFileSync(findProgram('htpasswd')!, ['-cbB', join(folder, 'htpasswd'), 'admin', 'sesame'], { stdio: 'ignore' });
    const text = configuration(pebble, port);
    assert.ok(text.split('\n').length <= 40);
    writeFileSync(join(folder, 'postern.toml'), text);
    const running = startPostern(t, join(folder, 'run'), ['run', '-c', join(folder, 'postern.toml')], folder);
    await until(() => running.output().match(/a certificate was obtained/g)?.length === 3, running.output);
    await until(async () => (await curl('https://shop.example.org/')).includes('the shop'));
  });
  after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });

  async function curl(url: string, ...options: string[]): Promise<string> {
    const { hostname, protocol } = new URL(url);
    const at = protocol === 'https:' ? port : plainPort;
    const placed = url.replace(hostname, `${hostname}:${at}`);
    const resolved = ['--resolve', `${hostname}:${at}:127.0.0.1`];
    const { stdout } = await run('curl', ['-sS', '--noproxy', '*', '--cacert', root, ...resolved, ...options, placed]);
    return stdout;
  }

  it('is as it was configured, by curl', async () => {
    const told = ['-o', '/dev/null', '-w', '%{http_version} %{http_code} %{redirect_url} %header{content-encoding}'];
    for (const name of ['example.org', 'www.example.org', 'shop.example.org']) {
      assert.match(await curl(`https://${name}/`, '--compressed'), /the shop/);
      assert.equal(await curl(`https://${name}/`, ...told, '-H', 'Accept-Encoding: br'), '2 200  br');
    }
    assert.equal(await curl('https://example.org/', ...told, '--http1.1'), '1.1 200  ');
    const secure = await curl('http://www.example.org/a?b', ...told);
    assert.ok(secure.startsWith(`1.1 301 https://www.example.org:${port}/a?b `), secure);
    assert.match(await curl('https://example.org/old/a/b?c', ...told), /^2 301 https:\/\/example\.org:\d+\/new\/a\/b/);
    assert.equal((await curl('https://example.org/admin/', ...told)).slice(0, 5), '2 401');
    assert.equal(await curl('https://example.org/admin/', '-u', 'admin:sesame'), 'the secret');
    const statuses: string[] = [];
    // Each front thread counts what comes to it.
    for (let count = 0; count < 30 && !statuses.includes('429'); count += 1)
      statuses.push((await curl('https://example.org/limited.txt', ...told)).slice(2, 5));
    assert.equal(statuses[0], '200');
    assert.ok(statuses.includes('429'), statuses.join(' '));
  });

  it('is shown by a browser', async () => {
    const database = `sql:${folder}/.pki/nssdb`;
    mkdirSync(join(folder, '.pki/nssdb'), { recursive: true });
    const certutil = findProgram('certutil')!;
    execFileSync(certutil, ['-d', database, '-N', '--empty-password']);
    execFileSync(certutil, ['-d', database, '-A', '-t', 'C,,', '-n', 'pebble', '-i', root]);
    const browser = await chromium.launch({
      executablePath: findProgram('chromium')!,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--host-resolver-rules=MAP *.example.org 127.0.0.1'],
      env: { PATH: process.env.PATH ?? '', HOME: folder },
    });
    try {
      const page = await browser.newPage();
      const answer = await page.goto(`https://shop.example.org:${port}/`, { timeout: 60_000 });
      assert.equal(answer!.status(), 200);
      assert.match((await answer!.allHeaders())['content-encoding'] ?? '', /^(?:br|zstd)$/);
      assert.equal(await page.title(), 'the shop');
      const spoken = 'performance.getEntries().filter((one) => one.nextHopProtocol).map((one) => one.nextHopProtocol)';
      assert.deepEqual([...new Set((await page.evaluate(spoken)) as string[])], ['h2']);
      assert.equal(await page.evaluate('getComputedStyle(document.querySelector("p")).color'), 'rgb(1, 2, 3)');
    } finally {
      await browser.close();
    }
  });

  it('answers nghttp and h2load', async () => {
    const url = `https://127.0.0.1:${port}/`;
    const { stdout } = await run('nghttp', ['-nv', '--no-verify-peer', '-H', ':authority: example.org', url]);
    assert.match(stdout, /The negotiated protocol: h2[\s\S]*:status: 200/);
    const named = ['-H', ':authority: example.org'];
    const loaded = await run('h2load', ['-n', '2000', '-c', '8', '-m', '10', ...named, url]);
    assert.match(loaded.stdout, /2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
    assert.match(loaded.stdout, /status codes: 2000 2xx/);
  });
});
