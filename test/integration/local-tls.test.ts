// `postern serve --tls`: a page by HTTPS on a developer's machine, in a real browser and with curl, by an authority that is made once.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { chromium } from 'playwright-core';
import { browserMissing } from '../support/browser.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { type PosternProcess, postern, startPostern } from '../support/postern-process.ts';
import { askByTls } from '../support/tls-client.ts';

function workshop(t: TestContext) {
  const folder = temporaryFolder(t);
  const [site, data] = [join(folder, 'site'), join(folder, 'data')];
  mkdirSync(site);
  writeFileSync(join(site, 'index.html'), '<title>a page by HTTPS</title>');
  const authority = join(data, 'postern/authority/authority.pem');
  const serve = async (...more: string[]): Promise<{ serving: PosternProcess; port: number }> => {
    const serving = startPostern(t, folder, ['serve', '--tls', ...more, site], folder, [
      'env',
      `XDG_DATA_HOME=${data}`,
    ]);
    const [, port] = await serving.wrote(/site +https:\/\/127\.0\.0\.1:(\d+)\/[\s\S]*stop +Ctrl-C/);
    return { serving, port: Number(port) };
  };
  return { folder, site, authority, serve };
}

describe('postern serve --tls', () => {
  it('makes an authority once, for its owner alone, says how to trust it, and curl does', async (t) => {
    const { authority, serve } = workshop(t);
    const first = await serve();
    assert.match(
      first.serving.out(),
      /trust \S+authority\.pem, once:[\s\S]*Firefox: [\s\S]*curl: --cacert \S+authority\.pem/,
    );
    const made = readFileSync(authority);
    for (const [path, mode] of [
      [authority, 0o600],
      [authority.replace('.pem', '.key'), 0o600],
      [join(authority, '..'), 0o700],
    ] as const)
      assert.equal(statSync(path).mode & 0o777, mode, path);
    const options = { ca: made };
    for (const name of ['localhost', 'blog.localhost', 'a.blog.localhost'])
      assert.equal((await askByTls(first.port, { name, options })).status, 200, name);
    const hosts = ['127.0.0.1', 'localhost', 'shop.localhost'];
    if (findProgram('curl') === null) t.diagnostic('curl is not installed');
    else
      for (const host of hosts) {
        const url = `https://${host}:${first.port}/`;
        const resolved = ['--resolve', `${host}:${first.port}:127.0.0.1`];
        const text = execFileSync('curl', ['-sS', '--noproxy', '*', '--cacert', authority, ...resolved, url]);
        assert.match(text.toString(), /a page by HTTPS/);
      }
    // Names of the Internet get none.
    await assert.rejects(askByTls(first.port, { name: 'example.org', options }), /ERR_TLS_CERT_ALTNAME|altnames/i);
    first.serving.child.kill('SIGINT');
    await first.serving.ended();
    const second = await serve();
    assert.deepEqual(readFileSync(authority), made);
    assert.equal((await askByTls(second.port, { name: 'localhost', options })).status, 200);
  });

  it('its page is shown by a browser that was told to trust it as it said', async (t) => {
    const certutil = findProgram('certutil');
    if (browserMissing() !== null || certutil === null) {
      t.skip(browserMissing() ?? 'certutil is not installed (libnss3-tools)');
      return;
    }
    const { folder, serve } = workshop(t);
    const { serving, port } = await serve();
    const database = `sql:${folder}/.pki/nssdb`;
    mkdirSync(join(folder, '.pki/nssdb'), { recursive: true });
    execFileSync(certutil, ['-d', database, '-N', '--empty-password']);
    const open = async (): Promise<string> => {
      const browser = await chromium.launch({
        executablePath: findProgram('chromium')!,
        args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
        env: { PATH: process.env.PATH ?? '', HOME: folder },
      });
      try {
        const page = await browser.newPage();
        await page.goto(`https://blog.localhost:${port}/`, { timeout: 60_000 });
        return await page.title();
      } finally {
        await browser.close();
      }
    };
    await assert.rejects(open(), /ERR_CERT_AUTHORITY_INVALID/);
    const [, command] = /Chromium and Chrome: certutil ([^\n]*(?:\n {11}[^\n]*)*)/.exec(serving.out())!;
    const words = command!.replaceAll(/\s+/g, ' ').replace('sql:$HOME/.pki/nssdb', database).trim().split(' ');
    execFileSync(certutil, words);
    assert.equal(await open(), 'a page by HTTPS');
  });

  it('is not for a configuration, nor for sockets', async (t) => {
    const { folder, site } = workshop(t);
    writeFileSync(join(folder, 'postern.toml'), '[site.main]\nroot = "site"\n');
    const file = await postern(t, folder, ['serve', '--tls', '-c', join(folder, 'postern.toml')]);
    assert.match(file.err, /--tls and -c do not go together/);
    const socket = await postern(t, folder, ['serve', '--tls', '--listen', `unix:${folder}/s.sock`, site]);
    assert.match(socket.err, /--tls is for ports/);
  });
});
