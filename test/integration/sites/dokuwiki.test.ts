// DokuWiki under `postern serve`, used as a person uses it, in a real browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { browserMissing, openPage, screenshot } from '../../support/browser.ts';
import {
  installDokuWiki,
  logInToDokuWiki,
  logOutOfDokuWiki,
  uploadToDokuWiki,
  writeWikiPage,
} from '../../support/dokuwiki.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPostern } from '../../support/postern.ts';
import { copyDokuWiki, siteMissing } from '../../support/sites.ts';

const missing =
  siteMissing('dokuwiki') ?? browserMissing() ?? (findProgram('php-cgi') ? null : 'php-cgi is not installed');

test('DokuWiki installs, takes a page with a picture, finds it and logs out', { skip: missing ?? false }, async (t) => {
  const folder = join(temporaryFolder(t), 'dokuwiki');
  copyDokuWiki(folder);
  const postern = await startPostern(t, ['serve', folder, '--port', '0', '--admin', '127.0.0.1:0']);
  const page = await openPage(t);

  await installDokuWiki(page, postern.base);
  await logInToDokuWiki(page, postern.base);
  const bytes = readFileSync(join(folder, 'lib/tpl/dokuwiki/images/logo.png'));
  await uploadToDokuWiki(page, postern.base, { name: 'lamp.png', bytes });
  await writeWikiPage(page, postern.base, 'lighthouse', '====== Lighthouse ======\nkumquat {{:lamp.png}}');
  assert.match((await page.textContent('.page'))!, /kumquat/);
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('.page img.media')?.naturalWidth);
  await screenshot(page, 'dokuwiki-page');

  // The picture at the foot of each page runs the indexer; ask for it by name, and then the search knows the page.
  await page.goto(`${postern.base}/lib/exe/taskrunner.php?id=lighthouse`);
  await page.goto(`${postern.base}/doku.php?id=start&do=search&q=kumquat`);
  assert.match((await page.textContent('.search_results, .search_fulltextresult'))!, /lighthouse/i);
  await logOutOfDokuWiki(page);
  assert.equal(await postern.stop(), 0);
});
