// A real browser: Debian's chromium, driven by playwright-core.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findProgram } from './folder.ts';

const screenshots = new URL('../screenshots/', import.meta.url).pathname;

/** Why no browser can be started here; null: one can. */
export function browserMissing(): string | null {
  return findProgram('chromium') ? null : 'chromium is not installed';
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
