// The dashboard in a real browser: what it shows, that it moves, what may be done, for whom it can be used, and that it costs nothing unseen.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { adminHandler } from '../../src/admin/admin-handler.ts';
import type { AdminOperations, ServiceStatus } from '../../src/admin/source.ts';
import { browserMissing, screenshot, startBrowser } from '../support/browser.ts';
import { busyService } from '../support/busy-service.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { laneSnapshot, measures, poolSnapshot, serviceStatus, slowRequest } from '../support/service-status.ts';
import { until } from '../support/until.ts';

const root = new URL('../../', import.meta.url);
const token = 'correct-horse-battery';
const patience = { timeout: 60_000 };

interface Shown {
  readonly page: Page;
  readonly url: string;
  readonly asked: unknown[][];
  /** What the page complained of. */
  readonly complaints: string[];
  readonly looks: () => number;
}

describe('the built dashboard', () => {
  it('is what its sources make', () => {
    const built = spawnSync(process.execPath, ['packages/dashboard/build.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(built.status, 0, built.stderr);
  });

  it('is below 60 KB compressed, all of it', () => {
    const bytes = ['dashboard.js', 'dashboard.css', 'dashboard.svg'].map((name) => {
      return gzipSync(readFileSync(new URL(`assets/dashboard/${name}`, root)), { level: 9 }).length;
    });
    assert.ok(bytes.reduce((sum, one) => sum + one, 0) < 60_000, String(bytes));
  });
});

describe('the dashboard in a browser', { skip: browserMissing() ?? false }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  /** Opens the dashboard of a service that is made up. */
  async function show(
    t: TestContext,
    status: () => ServiceStatus,
    look: { width?: number; height?: number; colorScheme?: 'light' | 'dark'; javaScriptEnabled?: boolean } = {},
    hash = '',
    blocked: string | null = null,
  ): Promise<Shown> {
    const asked: unknown[][] = [];
    const note =
      (name: string) =>
      (...args: unknown[]) => {
        asked.push([name, ...args]);
        return { ok: true, message: `${name} was done` };
      };
    const operations: AdminOperations = {
      reload: (pools) => Promise.resolve(note('reload')(pools)),
      recycle: note('recycle'),
      drain: note('drain'),
      endRequest: note('end'),
    };
    let looks = 0;
    const source = {
      measures,
      status: () => {
        looks += 1;
        return status();
      },
      gatherStatus: async () => status(),
    };
    const access = { token: () => token, operations, log: new RecordingLog() };
    const server = createServer(adminHandler(source, { dashboard: access })).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { width = 1440, height = 900, ...rest } = look;
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce', ...rest });
    t.after(async () => {
      await context.close();
      server.close();
      server.closeAllConnections();
    });
    const page = await context.newPage();
    if (blocked !== null) await page.route(blocked, (route) => route.abort());
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await page.goto(url + hash, patience);
    return { page, url, asked, complaints, looks: () => looks };
  }

  async function findings(page: Page): Promise<unknown[]> {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(
      'axe.run(document, { resultTypes: ["violations"] })' as unknown as () => Promise<{
        violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
      }>,
    );
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]);
  }

  const looks = [
    { name: 'a laptop, light', width: 1440, height: 900, colorScheme: 'light' },
    { name: 'a phone, dark', width: 390, height: 844, colorScheme: 'dark' },
  ] as const;
  for (const { name, ...look } of looks) {
    it(`shows 20 pools of 64 lanes on ${name}, and axe finds nothing`, async (t) => {
      const { page, complaints } = await show(t, busyService(20, 64), look);
      await page.waitForSelector('.cell.busy', patience);
      assert.equal(await page.locator('.card').count(), 20);
      assert.equal(await page.locator('.card .cell').count(), 20 * 64);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `it is ${overflow} pixels wider than the screen`);
      const card = await page.locator('.card').first().boundingBox();
      assert.ok(card!.width >= 240, 'a card is wide enough to be read');
      await screenshot(page, `dashboard-${look.width}`);
      assert.deepEqual(await findings(page), []);
      assert.deepEqual(complaints, []);
    });
  }

  it('has one pool in full, in both schemes, and axe finds nothing', async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await show(t, busyService(4, 16), { colorScheme }, '#pool=wiki');
      await page.getByRole('heading', { name: 'Pool wiki' }).waitFor(patience);
      await page.getByRole('button', { name: 'Unlock actions' }).click();
      await page.getByLabel(/The token of/).fill(token);
      assert.deepEqual(await findings(page), []);
      await page.getByRole('button', { name: 'Unlock', exact: true }).click();
      await page.getByRole('button', { name: 'Reload pool wiki' }).waitFor(patience);
      await screenshot(page, `dashboard-pool-${colorScheme}`);
      assert.deepEqual(await findings(page), []);
    }
  });

  it('moves: a lane that becomes busy is seen, and so is one that ends', async (t) => {
    let state: 'idle' | 'busy' = 'idle';
    const status = (): ServiceStatus =>
      serviceStatus({
        pools: [
          poolSnapshot({
            workers: 1,
            lanes: [
              laneSnapshot({ state, request: state === 'busy' ? 7 : 0, runMs: 1_500, url: '/slow.php?key=secret' }),
            ],
          }),
        ],
      });
    const { page } = await show(t, status);
    await page.waitForSelector('.card .cell.idle', patience);
    state = 'busy';
    await page.waitForSelector('.card .cell.busy', patience);
    await page.getByRole('cell', { name: 'GET /slow.php?…', exact: true }).waitFor(patience);
    assert.doesNotMatch(await page.content(), /secret/);
    await page.getByRole('button', { name: 'Query strings' }).click();
    await page.getByRole('cell', { name: 'GET /slow.php?key=secret' }).waitFor(patience);
    state = 'idle';
    await page.waitForSelector('.card .cell.idle', patience);
    await page.getByText('Nothing runs now.').waitFor(patience);
  });

  it('does what an operator asks for by keyboard alone, after the token, and asks before it ends anything', async (t) => {
    const status = (): ServiceStatus =>
      serviceStatus({ pools: [poolSnapshot({ lanes: [laneSnapshot({ state: 'busy', request: 7, pid: 4_242 })] })] });
    const { page, asked, complaints } = await show(t, status, {}, '#pool=php');
    await page.getByRole('button', { name: 'Unlock actions' }).waitFor(patience);
    assert.equal(await page.getByRole('button', { name: 'End GET' }).count(), 0);
    await page.getByRole('button', { name: 'Unlock actions' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('#token:focus').waitFor(patience);
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('the token is not the one of [admin]').waitFor(patience);
    await page.keyboard.press('Control+A');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    for (const [button, sure] of [
      ['End GET /a?…', 'End'],
      ['Recycle process 4242', null],
      ['Reload pool php', 'Reload'],
      ['Drain pool php', 'Drain'],
    ] as const) {
      await page.getByRole('button', { name: button }).focus(patience);
      const before = asked.length;
      await page.keyboard.press('Enter');
      if (sure !== null) {
        await page.getByRole('dialog', { name: button }).waitFor(patience);
        assert.equal(asked.length, before, 'nothing is done before the question is answered');
        await page.getByRole('dialog').getByRole('button', { name: sure, exact: true }).focus();
        await page.keyboard.press('Enter');
      }
      await until(() => asked.length === before + 1);
      await page.getByRole('dialog').waitFor({ state: 'detached', ...patience });
    }
    assert.deepEqual(asked, [
      ['end', 'php', 7],
      ['recycle', 'php', 4_242],
      ['reload', ['php']],
      ['drain', 'php', true],
    ]);
    assert.deepEqual(
      complaints.filter((one) => !/401/.test(one)),
      [],
    );
  });

  /** Who uses the keyboard alone, and has told the token. */
  async function keyboardOf(page: Page) {
    const press = async (name: string): Promise<void> => {
      await page.getByRole('button', { name, exact: true }).focus(patience);
      await page.keyboard.press('Enter');
    };
    /** Waits until the focus is on what has this label, id or text. */
    const isAt = (what: string) =>
      page.waitForFunction(
        (name) => {
          const at = document.activeElement;
          return [at?.ariaLabel, at?.id, at?.textContent].includes(name);
        },
        what,
        patience,
      );
    await press('Unlock actions');
    await isAt('token');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await isAt('Lock actions');
    return { press, isAt };
  }

  it('keeps the focus of the keyboard where an action takes its own button away', async (t) => {
    let isDrained = true;
    const status = (): ServiceStatus => serviceStatus({ pools: [poolSnapshot({ isDrained })] });
    const { page, asked } = await show(t, status, {}, '#pool=php');
    const { press, isAt } = await keyboardOf(page);
    await press('Resume pool php');
    await until(() => asked.length === 1);
    isDrained = false;
    await isAt('Drain pool php');
    await press('OK');
    await isAt('main');
    await press('Lock actions');
    await isAt('Unlock actions');
  });

  it('has the focus of the keyboard at the next row where an action takes the row away, and else at the table', async (t) => {
    let running = [1, 2, 3];
    let pids = [11, 12];
    const status = (): ServiceStatus => {
      const requests = running.map((request) =>
        laneSnapshot({
          lane: request,
          state: 'busy',
          request,
          pid: 0,
          workerPid: 0,
          url: `/${request}`,
          runMs: 1e6 / request,
        }),
      );
      const processes = pids.map((pid) => laneSnapshot({ lane: pid, pid, workerPid: pid }));
      return serviceStatus({
        pools: [poolSnapshot({ lanes: [...requests, ...processes] }), poolSnapshot({ name: 'b' })],
      });
    };
    const { page, asked } = await show(t, status, {}, '#pool=php');
    const { press, isAt } = await keyboardOf(page);
    const end = async (request: number): Promise<void> => {
      await press(`End GET /${request}`);
      await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).focus();
      await page.keyboard.press('Enter');
      await until(() => asked.at(-1)?.at(-1) === request);
      running = running.filter((one) => one !== request);
    };
    await end(2);
    await isAt('End GET /3');
    await end(3);
    await isAt('End GET /1');
    // It ends by itself while somebody is asked whether it shall.
    await press('End GET /1');
    await page.getByRole('dialog').waitFor(patience);
    running = [];
    await isAt('Slowest running requests');

    await press('Recycle process 11');
    await until(() => asked.at(-1)?.at(-1) === 11);
    pids = [12];
    await isAt('Recycle process 12');
    await press('Recycle process 12');
    await until(() => asked.at(-1)?.at(-1) === 12);
    pids = [];
    await isAt('Lanes');
    await page.getByRole('link', { name: 'All pools' }).focus();
    await page.keyboard.press('Enter');
    await isAt('pools-title');
  });

  it('has the focus of the keyboard at a row that moves, and at none where somebody has clicked beside all', async (t) => {
    let longest = 1;
    const status = (): ServiceStatus => {
      const lanes = [1, 2].map((request) => {
        const runMs = request === longest ? 1e6 : 1e5;
        return laneSnapshot({ lane: request, state: 'busy', request, pid: request, url: `/${request}`, runMs });
      });
      return serviceStatus({ pools: [poolSnapshot({ lanes })] });
    };
    const { page } = await show(t, status);
    // Where a browser cannot move an element, it is taken out and put in again, and the focus is gone.
    await page.addInitScript(() => Reflect.deleteProperty(Element.prototype, 'moveBefore'));
    await page.reload(patience);
    const { isAt } = await keyboardOf(page);
    const first = async (request: number): Promise<void> => {
      longest = request;
      await page.locator('tbody tr').first().getByText(`GET /${request}`).waitFor(patience);
    };
    const ends = page.getByRole('button', { name: /^End GET/ });
    for (const request of [1, 2]) {
      await first(1);
      await page.getByRole('button', { name: `End GET /${request}` }).focus(patience);
      await first(2);
      await isAt(`End GET /${request}`);
    }
    await page.getByRole('heading', { name: 'Postern' }).click();
    await first(1);
    assert.equal(await ends.count(), 2);
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'BODY');
  });

  it('is a table without JavaScript, and axe finds nothing there either', async (t) => {
    const { page } = await show(t, busyService(2, 4), { javaScriptEnabled: false });
    assert.equal(await page.getByRole('table').count(), 4);
    assert.match((await page.textContent('main'))!, /Without JavaScript this page is loaded anew every 5 seconds/);
    await screenshot(page, 'dashboard-without-script');
    // axe itself needs JavaScript: the same page, whose script cannot be loaded.
    const other = await show(t, busyService(2, 4), { width: 390 }, '', '**/dashboard.js');
    assert.equal(await other.page.getByRole('table').count(), 4);
    assert.deepEqual(await findings(other.page), []);
  });

  it('leads to a page of the slow requests, on a laptop and on a phone; axe finds nothing', async (t) => {
    const slow = Array.from({ length: 100 }, (_, at) => slowRequest({ number: at + 1, pid: 4_000 + at }));
    const { counters } = poolSnapshot();
    const status = (): ServiceStatus =>
      serviceStatus({ pools: [poolSnapshot({ slow, counters: { ...counters, slow: 1_234 } })] });
    for (const look of [{}, { width: 390, height: 844, colorScheme: 'dark' as const }]) {
      const { page, complaints } = await show(t, status, look);
      await page.getByRole('link', { name: 'Slow requests: 1,234' }).click(patience);
      await page.getByRole('table', { name: 'Slow requests, newest first, of 1,234' }).waitFor(patience);
      assert.equal(await page.locator('tbody tr').count(), 100);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `it is ${overflow} pixels wider than the screen`);
      await screenshot(page, `dashboard-slow-${look.width ?? 1440}`);
      assert.deepEqual(await findings(page), []);
      assert.deepEqual(complaints, []);
      await page.getByRole('link', { name: 'Dashboard' }).click();
      await page.getByText('Pools').first().waitFor(patience);
    }
  });

  it('is not sampled while it is paused, hidden or closed', async (t) => {
    const { page, looks: sampled } = await show(t, busyService(1, 1));
    await page.waitForSelector('.card', patience);
    await page.getByRole('button', { name: 'Pause' }).click();
    const stands = async (): Promise<void> => {
      let last = -1;
      await until(async () => {
        const now = sampled();
        const isSame = now === last;
        last = now;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return isSame && sampled() === now;
      }, 'nobody samples');
    };
    await stands();
    const paused = sampled();
    await page.getByRole('button', { name: 'Pause' }).click();
    await until(() => sampled() > paused + 2);
    await page.close();
    await stands();
  });

  it('connects again by itself, and says so meanwhile', async (t) => {
    const status = busyService(1, 2);
    const access = {
      token: () => null,
      operations: {} as AdminOperations,
      log: new RecordingLog(),
    };
    const open = async (port: number) => {
      const source = { status, gatherStatus: async () => status(), measures };
      const server = createServer(adminHandler(source, { dashboard: access })).listen(port, '127.0.0.1');
      await once(server, 'listening');
      return server;
    };
    const first = await open(0);
    const { port } = first.address() as AddressInfo;
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.goto(`http://127.0.0.1:${port}/`, patience);
    await page.getByText('live', { exact: true }).waitFor(patience);
    await page.getByText('Actions are off: set token').waitFor(patience);
    first.close();
    first.closeAllConnections();
    await page.getByText('no connection: trying again').waitFor(patience);
    const second = await open(port);
    t.after(() => {
      second.close();
      second.closeAllConnections();
    });
    await page.getByText('live', { exact: true }).waitFor(patience);
  });

  it('shows threads, and whatever else a service tells as a list', async (t) => {
    const certificate = {
      ...{ site: 'main', name: 'example.org', names: ['example.org'], issuer: 'somebody' },
      ...{ issuedAt: 1_890_000_000_000, expiresAt: 1_900_000_000_000, fingerprint: 'ab'.repeat(32), trouble: null },
    };
    const from = '/etc/letsencrypt/live/example.org/fullchain.pem';
    const status = (): ServiceStatus =>
      serviceStatus({
        threads: [{ thread: 1, state: 'serving', running: 3, loopDelayMs: 12, losses: 0 }],
        certificates: [{ ...certificate, from }],
      });
    const { page } = await show(t, status);
    const threads = page.getByRole('table', { name: 'Threads' });
    await threads.waitFor(patience);
    assert.match((await threads.textContent())!, /loop delay.*12 ms/);
    const certificates = page.getByRole('table', { name: 'Certificates' });
    assert.match((await certificates.textContent())!, /expires.*example\.org.*2030 \(in .* d/);
    const hidden = await certificates.locator('xpath=..').evaluate((box) => box.scrollWidth - box.clientWidth);
    assert.ok(hidden <= 0, 'all of it is seen, with a fingerprint and a path of their usual length');
  });
});
