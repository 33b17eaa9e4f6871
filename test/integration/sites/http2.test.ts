// HTTP/2 of a running service, by real clients: curl, nghttp, h2load and a browser; and what clients that mean it badly cost its process.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { browserMissing, startBrowser } from '../../support/browser.ts';
import { testAuthority, testCertificate, writeCertificate } from '../../support/certificates.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import {
  continuation,
  flags,
  headers,
  literals,
  request,
  reset,
  settingIds,
  settings,
  types,
} from '../../support/http2-frames.ts';
import { Http2Peer } from '../../support/http2-peer.ts';
import { phpMissing } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { processStatus } from '../../support/process-tree.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);
const script = `<?php
if (isset($_GET['length'])) { echo strlen(file_get_contents('php://input')); exit; }
setcookie('a', '1'); setcookie('b', '2');
echo $_SERVER['SERVER_PROTOCOL'], ' ', $_SERVER['HTTPS'] ?? 'off', ' ', $_SERVER['HTTP_HOST'], ' ', $_SERVER['HTTP_COOKIE'] ?? '';`;

/** A service with a site by TLS and by h2c. */
async function start(t: TestContext, more = '') {
  const folder = temporaryFolder(t);
  const site = join(folder, 'site');
  mkdirSync(site);
  writeFileSync(join(site, 'index.html'), '<title>a page</title><script src="/a.js"></script>');
  writeFileSync(join(site, 'a.js'), 'document.title += ": its script"');
  writeFileSync(join(site, 'large.bin'), Buffer.alloc(20_000_000, 'large'));
  writeFileSync(join(site, 'p.php'), script);
  const files = writeCertificate(folder, 'site', await testCertificate(['localhost', '127.0.0.1']));
  writeFileSync(join(folder, 'authority.pem'), (await testAuthority()).certificate);
  writeFileSync(
    join(folder, 'postern.toml'),
    `${more}
[site.main]
listen = ["https://127.0.0.1:0", "h2c://127.0.0.1:0"]
tls = { certificate = "${files.certificate}", key = "${files.key}" }
root = "site"
${phpMissing ? '' : '[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nworkers = 2\n'}`,
  );
  const service = startPostern(t, folder, ['run', '--allow-root', '-c', join(folder, 'postern.toml')], folder);
  const [, secure] = await service.wrote(/https:\/\/127\.0\.0\.1:(\d+)/);
  const [, plain] = await service.wrote(/h2c:\/\/127\.0\.0\.1:(\d+)/);
  return { folder, service, secure: Number(secure), plain: Number(plain) };
}

const needs = (...names: readonly string[]): string | false => {
  const missing = names.filter((name) => findProgram(name) === null);
  return missing.length === 0 ? false : `${missing.join(', ')} is not installed`;
};

describe('HTTP/2 by curl', { skip: needs('curl') || phpMissing }, () => {
  it('is spoken where both can, with what programs are told of it, and HTTP/1.1 else', async (t) => {
    const { folder, service, secure, plain } = await start(t);
    const curl = async (...args: string[]): Promise<string> => {
      const common = ['-sS', '--noproxy', '*', '--cacert', join(folder, 'authority.pem'), '-w', '\n%{http_version}'];
      return (await run('curl', [...common, ...args])).stdout;
    };
    const url = `https://127.0.0.1:${secure}`;
    const cookie = ['-H', 'Cookie: x=1; y=2'];
    assert.equal(await curl(...cookie, `${url}/p.php`), `HTTP/2.0 on 127.0.0.1:${secure} x=1; y=2\n2`);
    assert.equal(await curl('--http1.1', `${url}/p.php`), `HTTP/1.1 on 127.0.0.1:${secure} \n1.1`);
    const open = `http://127.0.0.1:${plain}`;
    assert.equal(await curl('--http2-prior-knowledge', `${open}/p.php`), `HTTP/2.0 off 127.0.0.1:${plain} \n2`);
    assert.equal(await curl(`${open}/p.php`), `HTTP/1.1 off 127.0.0.1:${plain} \n1.1`);
    const upload = ['--data-binary', `@${join(folder, 'site/large.bin')}`, '-H', 'Expect: 100-continue'];
    assert.equal(await curl(...upload, `${url}/p.php?length`), '20000000\n2');
    assert.match(await curl('-I', `${url}/p.php`), /^HTTP\/2 200 [\s\S]*set-cookie: a=1[\s\S]*set-cookie: b=2/);
    assert.equal(await curl('-o', '/dev/null', '-w', ' %{size_download}', `${url}/large.bin`), ' 20000000');
    assert.match(service.output(), /"version":"2\.0"/);
  });
});

describe('HTTP/2 by nghttp and h2load', { skip: needs('nghttp', 'h2load') }, () => {
  it('is spoken with both, and no request fails', async (t) => {
    const { secure, plain } = await start(t);
    for (const origin of [`https://127.0.0.1:${secure}`, `http://127.0.0.1:${plain}`]) {
      const page = await run('nghttp', ['-a', '-n', '-s', `${origin}/index.html`]);
      assert.match(page.stdout, / 200 .*\/index\.html/);
      const load = await run('h2load', ['-n', '2000', '-c', '10', '-m', '20', `${origin}/a.js`]);
      assert.match(load.stdout, /2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
      assert.match(load.stdout, /status codes: 2000 2xx/);
    }
  });
});

describe('HTTP/2 by a browser', { skip: browserMissing() ?? false }, () => {
  it('is what a page and what belongs to it come by', async (t) => {
    const { secure } = await start(t);
    const browser = await startBrowser();
    t.after(() => browser.close());
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`https://127.0.0.1:${secure}/`, { timeout: 120_000 });
    await until(async () => (await page.title()) === 'a page: its script');
    const protocols = await page.evaluate(() =>
      [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(
        (entry) => (entry as PerformanceResourceTiming).nextHopProtocol,
      ),
    );
    assert.ok(protocols.length >= 2);
    assert.deepEqual([...new Set(protocols)], ['h2']);
  });
});

describe('a service whose clients of HTTP/2 mean it badly', () => {
  const megabytes = (pid: number): number => Number.parseInt(processStatus(pid).VmRSS!, 10) / 1_024;
  /** What may come on top of what it had before: a bounded part of the answers of 1,000 requests, and what V8 has not collected. */
  const mostMegabytes = 300;

  async function serves(t: TestContext, port: number): Promise<void> {
    const peer = await Http2Peer.open(t, port);
    peer.send(headers(1, request('GET', '/a.js')));
    assert.equal(await peer.answer(), '200');
    peer.client.socket.destroy();
  }

  it('keeps its memory and serves the others: slow readers', async (t) => {
    const { service, plain } = await start(t);
    await serves(t, plain);
    const before = megabytes(service.pid);
    const starved = settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]);
    const peers: Http2Peer[] = [];
    for (let count = 0; count < 10; count += 1) {
      const peer = await Http2Peer.open(t, plain, starved);
      peers.push(peer);
      for (let stream = 1; stream < 200; stream += 2) peer.send(headers(stream, request('GET', '/large.bin')));
    }
    for (const peer of peers) {
      await peer.until((frames) => frames.filter(({ type }) => type === types.HEADERS).length === 100);
      assert.ok(await peer.isAlive());
    }
    await serves(t, plain);
    const grown = megabytes(service.pid) - before;
    t.diagnostic(`1,000 answers of 20 MB that nobody takes: ${Math.round(grown)} MB more`);
    assert.ok(grown < mostMegabytes, `${grown} MB more`);
  });

  it('keeps its memory and serves the others: rapid reset', async (t) => {
    const { service, plain } = await start(t);
    await serves(t, plain);
    const before = megabytes(service.pid);
    for (let count = 0; count < 30; count += 1) {
      const peer = await Http2Peer.open(t, plain);
      for (let stream = 1; stream < 20_000 && !peer.hasEnded; stream += 2) {
        peer.send(headers(stream, request('GET', '/large.bin')), reset(stream));
        if (stream % 201 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await peer.client.untilEnd();
    }
    await serves(t, plain);
    const grown = megabytes(service.pid) - before;
    t.diagnostic(`30 floods of 10,000 resets: ${Math.round(grown)} MB more`);
    assert.ok(grown < mostMegabytes, `${grown} MB more`);
    assert.match(service.output(), /an HTTP\/2 connection of 127\.0\.0\.1 was closed/);
  });

  it('keeps its memory and serves the others: CONTINUATION', async (t) => {
    const { service, plain } = await start(t);
    await serves(t, plain);
    const before = megabytes(service.pid);
    const piece = literals(['x-name', 'y'.repeat(16_000)]);
    for (let count = 0; count < 30; count += 1) {
      const peer = await Http2Peer.open(t, plain);
      peer.send(headers(1, request(), flags.END_STREAM));
      for (let at = 0; at < 200 && !peer.hasEnded; at += 1) peer.send(continuation(1, piece, 0));
      await peer.client.untilEnd();
    }
    await serves(t, plain);
    const grown = megabytes(service.pid) - before;
    t.diagnostic(`30 floods of 3 MB of fields: ${Math.round(grown)} MB more`);
    assert.ok(grown < mostMegabytes, `${grown} MB more`);
  });
});
