import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { postern, startPostern } from '../support/postern-process.ts';

describe('postern serve', () => {
  it('says where the site is, serves it with PHP, tells each request, and stops on Ctrl-C', async (t) => {
    if (findProgram('php-cgi') === null) {
      t.skip('php-cgi is not installed');
      return;
    }
    const folder = temporaryFolder(t);
    const site = join(folder, 'site');
    mkdirSync(join(site, 'public'), { recursive: true });
    writeFileSync(join(site, 'artisan'), '');
    writeFileSync(join(site, 'public/index.php'), "<?php echo 'at ', $_SERVER['REQUEST_URI'];");
    const serving = startPostern(t, folder, ['serve', site]);
    const [, url] = await serving.wrote(/site +(http:\/\/127\.0\.0\.1:\d+\/)/);
    await serving.wrote(/stop +Ctrl-C/);
    assert.match(serving.out(), /folder +\S+\/site\/public {2}Laravel, its public\/ is served/);
    assert.match(serving.out(), /PHP +\d+\.\d+\.\d+, \/\S+ {2}\S/);
    assert.match(serving.out(), /admin +http:\/\/127\.0\.0\.1:\d+\/status/);
    assert.equal(await (await fetch(`${url}no/such/file?a=b`)).text(), 'at /no/such/file?a=b');
    await serving.wrote(/\d\d:\d\d:\d\d {2}200 {2}GET \/no\/such\/file\?a=b {2}/);

    const port = new URL(url!).port;
    const second = await postern(t, folder, ['serve', site, '--port', port]);
    assert.equal(second.status, 1);
    assert.match(
      second.err,
      new RegExp(`^postern: 127\\.0\\.0\\.1:${port} is in use by the service with pid ${serving.pid}: `),
    );
    assert.equal((await fetch(url!)).status, 200, 'the first is unharmed');

    serving.child.kill('SIGINT');
    const { status, out, err } = await serving.ended();
    assert.equal(status, 0);
    assert.match(out, /stopping\nstopped\n$/);
    assert.doesNotMatch(out + err, /\x1b\[/, 'no colours where nobody looks');
  });

  it('gives way to the next port when none was named', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'index.html'), 'hello');
    const urls = await Promise.all(
      [1, 2].map(async () => (await startPostern(t, folder, ['serve', folder]).wrote(/site +(http:\S+)/))[1]!),
    );
    assert.notEqual(urls[0], urls[1]);
    for (const url of urls) assert.equal(await (await fetch(url)).text(), 'hello');
  });
});
