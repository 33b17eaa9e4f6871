// WordPress under `postern serve`, used as a person uses it, in a real browser; and its request to itself, which must not deadlock.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { browserMissing, openPage, screenshot } from '../../support/browser.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { mariaDbMissing, startMariaDb } from '../../support/mariadb.ts';
import { startPostern } from '../../support/postern.ts';
import { copyWordPress, siteMissing } from '../../support/sites.ts';
import { until } from '../../support/until.ts';
import {
  installWordPress,
  logIn,
  logOut,
  publishPost,
  uploadPicture,
  usePrettyPermalinks,
  visit,
} from '../../support/wordpress.ts';

const missing =
  siteMissing('wordpress') ??
  mariaDbMissing() ??
  browserMissing() ??
  (findProgram('php-cgi') ? null : 'php-cgi is not installed');

test('WordPress installs, publishes a post with a picture, finds it and logs out', {
  skip: missing ?? false,
}, async (t) => {
  const folder = join(temporaryFolder(t), 'wordpress');
  const database = await startMariaDb();
  t.after(database.stop);
  copyWordPress(folder, database.socketPath);
  const postern = await startPostern(t, ['serve', folder, '--port', '0', '--admin', '127.0.0.1:0', '--workers', '2']);
  assert.match(postern.output(), /WordPress/);
  const page = await openPage(t);

  await installWordPress(page, postern.base);
  await logIn(page, postern.base);
  await screenshot(page, 'wordpress-dashboard');
  await usePrettyPermalinks(page, postern.base);
  const bytes = readFileSync(join(folder, 'wp-includes/images/media/video.png'));
  const picture = await uploadPicture(page, postern.base, { name: 'lighthouse.png', bytes });
  assert.match(picture, /\/wp-content\/uploads\/.*lighthouse\.png$/);

  const html = `<!-- wp:paragraph --><p>kumquat</p><!-- /wp:paragraph --><!-- wp:image --><figure class="wp-block-image"><img src="${picture}" alt=""/></figure><!-- /wp:image -->`;
  const permalink = await publishPost(page, postern.base, { title: 'Hello warm workers', html });
  assert.equal(permalink, `${postern.base}/hello-warm-workers/`);

  const post = await visit(page, permalink);
  assert.equal(post.status, 200);
  assert.match(post.text, /kumquat/);
  // Only the site's own pictures: avatars come from a server outside.
  const widths = await page.evaluate((own) => {
    const images = [...document.images].filter(({ src }) => src.startsWith(own));
    return images.map(({ naturalWidth }) => naturalWidth);
  }, postern.base);
  assert.ok(widths.length > 0 && widths.every((width) => width > 0), `widths of the post's pictures: ${widths}`);
  await screenshot(page, 'wordpress-post');
  assert.match((await visit(page, `${postern.base}/?s=kumquat`)).text, /Hello warm workers/);
  assert.equal((await visit(page, `${postern.base}/no-such-page/`)).status, 404);
  const bytesServed = Buffer.from(await (await fetch(picture)).arrayBuffer());
  assert.deepEqual(bytesServed, bytes);

  // Site Health asks the site itself over HTTP while its own request holds one of the two workers. The page's script, which
  // would begin such tests of its own beside ours, is left out: four requests that need each other do not fit into two workers.
  await page.route('**/site-health*.js*', (route) => route.abort());
  await page.goto(`${postern.base}/wp-admin/site-health.php`);
  await until(async () => (await postern.pool()).lanes.every(({ state }) => state !== 'busy'), 'nothing runs');
  const loopback = await page.evaluate(async () => {
    const { nonce } = (window as unknown as { wpApiSettings: { nonce: string } }).wpApiSettings;
    const headers = { 'X-WP-Nonce': nonce };
    const answer = await fetch('/wp-json/wp-site-health/v1/tests/loopback-requests', { headers });
    return (await answer.json()) as { status: string };
  });
  assert.equal(loopback.status, 'good');

  await logOut(page, postern.base);
  await page.context().browser()!.close();
  const { counters, lanes } = await postern.pool();
  const { accepted, waiting, running, finished, refused, aborted } = counters;
  assert.equal(accepted, waiting + running + finished + refused + aborted);
  assert.deepEqual({ waiting, running, refused }, { waiting: 0, running: 0, refused: 0 });
  assert.ok(lanes.filter(({ state }) => state === 'idle').length <= 2);
  assert.equal(await postern.stop(), 0);
});
