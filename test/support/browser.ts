// A real browser: Debian's chromium, driven by playwright-core.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findProgram } from './folder.ts';
import { until } from './until.ts';

/** The machine may be busy with other tests. */
const patienceMs = 120_000;

const screenshots = new URL('../screenshots/', import.meta.url).pathname;

/** Why no browser can be started here; null: one can. */
export function browserMissing(): string | null {
  return findProgram('chromium') ? null : 'chromium is not installed';
}

/** A page in a browser of its own, which ends with the test. Of a test that failed, a picture and the HTML are kept and what the page says is told. */
export async function openPage(t: TestContext): Promise<Page> {
  const browser = await startBrowser();
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(patienceMs);
  t.after(async () => {
    if (!t.passed && !page.isClosed()) await keepEvidence(page, t.name);
    await browser.close();
  });
  return page;
}

/**
 * Fills in fields by their selectors, and looks whether each holds its value afterwards: a page's own script may move the focus, and
 * a text that is under way goes where the focus is.
 */
export async function fillIn(page: Page, values: Readonly<Record<string, string>>): Promise<void> {
  const wrong: string[] = [];
  await until(
    async () => {
      for (const [selector, value] of Object.entries(values)) await page.fill(selector, value);
      wrong.length = 0;
      for (const [selector, value] of Object.entries(values)) {
        if ((await page.inputValue(selector)) !== value) wrong.push(selector);
      }
      return wrong.length === 0;
    },
    () => `${wrong.join(', ')} of ${page.url()} did not keep what was filled in`,
  );
}

async function keepEvidence(page: Page, title: string): Promise<void> {
  const name = `failed-${title.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60)}`;
  await screenshot(page, name);
  writeFileSync(join(screenshots, `${name}.html`), await page.content());
  const text = (await page.textContent('body')) ?? '';
  process.stdout.write(
    `${title}: the page was ${page.url()} (kept as ${screenshots}${name}.html):\n${text.slice(0, 2_000)}\n`,
  );
}

/** Starts a headless browser that looks for nothing outside. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram('chromium')!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Keeps a picture of the page under test/screenshots/, for people to look at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}
