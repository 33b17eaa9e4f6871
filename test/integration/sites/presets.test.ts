// Presets with the real applications from Debian's packages, run by PHP: DokuWiki with its clean addresses, and what WordPress keeps from strangers.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { phpPool } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { copyDokuWiki, copyWordPress, siteMissing } from '../../support/sites.ts';

const phpMissing = findProgram('php-cgi') === null ? 'php-cgi is not installed' : null;

/** Starts a site with a preset, and waits until it runs. @returns its URL without a slash at the end */
async function startSite(t: test.TestContext, folder: string, preset: string): Promise<string> {
  const above = temporaryFolder(t);
  const config = join(above, 'postern.toml');
  writeFileSync(
    config,
    `[site.main]\nlisten = "127.0.0.1:0"\nroot = "${folder}"\npreset = "${preset}"\n[pool.php]\n${phpPool}workers = 2\n`,
  );
  const postern = startPostern(t, above, ['run', '-c', config], above);
  await postern.wrote(/"msg":"running"/);
  return /"url":"(http:[^"]+)\/"/.exec(postern.output())![1]!;
}

test('DokuWiki has clean addresses with userewrite = 1, and its data is closed', {
  skip: siteMissing('dokuwiki') ?? phpMissing ?? false,
}, async (t) => {
  const folder = join(temporaryFolder(t), 'dokuwiki');
  copyDokuWiki(folder);
  const settings = "$conf['title'] = 'Wiki'; $conf['userewrite'] = 1; $conf['useacl'] = 0; $conf['lang'] = 'en';";
  writeFileSync(join(folder, 'conf/local.php'), `<?php ${settings}\n`);
  mkdirSync(join(folder, 'data/pages/tests'), { recursive: true });
  writeFileSync(join(folder, 'data/pages/tests/lamp.txt'), '====== Lamp ======\nkumquat [[tests:other]]\n');
  const base = await startSite(t, folder, 'dokuwiki');
  const get = async (path: string) => {
    const answer = await fetch(base + path, { redirect: 'manual' });
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
  };

  const page = await get('/tests:lamp');
  assert.equal(page.status, 200);
  assert.match(page.text, /kumquat/);
  assert.match(page.text, /href="\/tests:other"/, 'links are as it rewrites them');
  assert.match((await get('/tests:lamp?do=edit')).text, /wiki__text/);
  assert.equal((await get('/_media/wiki:dokuwiki-128.png')).type, 'image/png');
  assert.match((await get('/_export/raw/tests:lamp')).text, /====== Lamp ======/);
  assert.match((await get('/lib/exe/css.php?t=dokuwiki')).type, /text\/css/);
  assert.equal((await get('/lib/images/email.png')).type, 'image/png');
  for (const secret of [
    '/data/pages/tests/lamp.txt',
    '/conf/local.php',
    '/inc/init.php',
    '/bin/dwpage.php',
    '/conf/',
    '/data/',
  ]) {
    assert.equal((await get(secret)).status, 404, secret);
  }
});

test('WordPress runs what it has, and gives away nothing that is not for visitors', {
  skip: siteMissing('wordpress') ?? phpMissing ?? false,
}, async (t) => {
  const folder = join(temporaryFolder(t), 'wordpress');
  // No database is there: what runs says so with a 500, which is enough to tell it from what does not run.
  copyWordPress(folder, '/nowhere.sock');
  writeFileSync(join(folder, 'wp-content/uploads/shell.php'), '<?php echo "ran";');
  writeFileSync(join(folder, 'wp-content/uploads/a.txt'), 'text');
  writeFileSync(join(folder, 'wp-content/debug.log'), 'secret');
  const base = await startSite(t, folder, 'wordpress');
  const rows: Readonly<Record<string, number>> = {
    '/': 500,
    '/some/page/': 500,
    '/wp-login.php': 500,
    '/blog/wp-login.php': 500,
    '/wp-admin/': 500,
    '/wp-admin/admin-ajax.php': 200,
    '/wp-admin/css/login.css': 200,
    '/wp-admin/images/wordpress-logo.svg': 200,
    '/wp-includes/css/buttons.css': 200,
    '/wp-includes/js/wp-util.js': 200,
    '/blog/wp-includes/js/wp-util.js': 200,
    '/wp-content/uploads/a.txt': 200,
    '/wp-content/uploads/shell.php': 404,
    '/wp-content/uploads/shell.php/a.jpg': 404,
    '/blog/wp-content/uploads/shell.php': 404,
    '/wp-content/debug.log': 404,
    '/wp-config.php': 404,
    '/wp-config.php/x': 404,
    '/wp-config-sample.php': 404,
    '/wp-includes/version.php': 404,
    '/wp-includes/rest-api/class-wp-rest-server.php': 404,
    '/wp-admin/includes/file.php': 404,
    '/.htaccess': 404,
  };
  const answers: [string, number][] = [];
  for (const path of Object.keys(rows)) answers.push([path, (await fetch(base + path, { redirect: 'manual' })).status]);
  assert.deepEqual(Object.fromEntries(answers), rows);
});
