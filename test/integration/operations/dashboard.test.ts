// The dashboard of a real service in a real browser, under load and faults: what happens to its processes is seen, and what is asked for is done.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { browserMissing, screenshot, startBrowser } from '../../support/browser.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const token = 'correct-horse-battery';
const patience = { timeout: 60_000 };
const skip = phpMissing || browserMissing() || false;

const files = {
  'index.php': '<?php echo "hello";',
  'held.php': '<?php for (;;) usleep(10000);',
};

test('a real service in a browser: its faults are seen, and an operator acts', { skip }, async (t) => {
  const service = await PhpService.start(t, { files });
  const config = `[admin]\nlisten = "127.0.0.1:0"`;
  writeFileSync(service.config, readFileSync(service.config, 'utf8').replace(config, `${config}\ntoken = "${token}"`));
  service.postern.child.kill('SIGHUP');
  await service.logged('reloaded');

  const browser = await startBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(service.admin, patience);
  await page.getByText('live', { exact: true }).waitFor(patience);

  // Load, while all of this goes on.
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const load = (async () => {
    while (!isOver) await service.get('/index.php').then((answer) => answer.text(), String);
  })();

  // A process is killed under its request: its end is told with the URL, without the query string.
  const killed = service.get('/held.php?user=secret', { method: 'POST' });
  const running = page.getByRole('cell', { name: 'POST /held.php?…', exact: true });
  await running.first().waitFor(patience);
  const { lanes } = await service.pool();
  process.kill(lanes.find(({ method, request }) => method === 'POST' && request > 0)!.pid, 'SIGKILL');
  assert.equal((await killed).status, 502);
  const ends = page.getByRole('table', { name: 'Last ends of processes' });
  await ends.getByRole('cell', { name: 'POST /held.php?…', exact: true }).waitFor(patience);
  assert.doesNotMatch(await page.content(), /secret/);

  // The token, and then a request that is ended by a click.
  await page.getByRole('button', { name: 'Unlock actions' }).click(patience);
  await page.getByLabel(/The token of/).fill(token);
  await page.getByRole('button', { name: 'Unlock', exact: true }).click(patience);
  const ended = service.get('/held.php');
  await page.getByRole('button', { name: 'End GET /held.php' }).click(patience);
  await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click(patience);
  assert.equal((await ended).status, 502);
  await ends.getByRole('cell', { name: /^operator/ }).waitFor(patience);

  // A reload by a click: the next generation is told.
  const { generation } = await service.pool();
  await page.getByRole('link', { name: 'php', exact: true }).click(patience);
  await page.getByRole('button', { name: 'Reload pool php' }).click(patience);
  await page.getByRole('dialog').getByRole('button', { name: 'Reload' }).click(patience);
  await page
    .getByText(/pool php reloaded/)
    .first()
    .waitFor(patience);
  await until(async () => (await service.pool()).generation === generation + 1);
  await screenshot(page, 'dashboard-of-a-service');

  isOver = true;
  await load;
  const { counters } = await service.pool();
  assert.equal(counters.refused, 0);
  assert.equal(counters.failed, 2, 'nobody lost a request but the two that were ended');
  assert.deepEqual(complaints, []);
});
