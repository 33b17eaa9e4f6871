// What a person does with Adminer on an SQLite file, driven in a real browser.

import type { Page } from 'playwright-core';
import { fillIn } from './browser.ts';

/** Logs in to SQLite and has Adminer make a new database file. */
export async function createDatabase(page: Page, base: string, file: string): Promise<void> {
  await page.goto(`${base}/?sqlite=`);
  await page.selectOption('select[name="auth[driver]"]', 'sqlite');
  await page.click('input[type="submit"]');
  await page.waitForSelector('#logout');
  await page.goto(`${base}/?sqlite=&username=&database=`);
  await fillIn(page, { 'input[name="name"]': file });
  await page.click('#content input[type="submit"][value="Save"]');
  await page.waitForSelector('#content .message');
}

/** Runs SQL on the page for it. @returns the text of the answer */
export async function runSql(page: Page, base: string, file: string, sql: string): Promise<string> {
  await page.goto(`${base}/?sqlite=&username=&db=${encodeURIComponent(file)}&sql=`);
  // The page puts an editor with colours over the text area; the form sends the text area.
  await page.evaluate((text) => {
    const area = document.querySelector<HTMLTextAreaElement>('textarea[name="query"]')!;
    area.value = text;
    const editor = document.querySelector<HTMLElement>('pre.sqlarea');
    if (editor) editor.textContent = text;
  }, sql);
  await page.click('input[type="submit"][value="Execute"]');
  await page.waitForSelector('#content .message, #content table, #content .error');
  return (await page.textContent('#content')) ?? '';
}

/** Imports an SQL file by upload. */
export async function importSql(page: Page, base: string, file: string, sql: string): Promise<string> {
  await page.goto(`${base}/?sqlite=&username=&db=${encodeURIComponent(file)}&import=`);
  await page.setInputFiles('input[type="file"]', {
    name: 'rows.sql',
    mimeType: 'text/plain',
    buffer: Buffer.from(sql),
  });
  await page.click('input[type="submit"][value="Execute"]');
  await page.waitForSelector('#content .message, #content .error');
  return (await page.textContent('#content')) ?? '';
}

export async function closeDatabase(page: Page): Promise<void> {
  await page.click('#logout');
  await page.waitForSelector('select[name="auth[driver]"]');
}
