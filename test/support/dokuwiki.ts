// What a person does with DokuWiki, driven in a real browser.

import type { Page } from 'playwright-core';
import { fillIn } from './browser.ts';

const account = { name: 'keeper', password: 'a-Long-Passphrase-42' } as const;

/** Fills in DokuWiki's own installer. */
export async function installDokuWiki(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/install.php`);
  await fillIn(page, {
    '#title': 'A wiki on warm workers',
    '#superuser': account.name,
    '#fullname': 'The keeper',
    '#email': 'keeper@example.org',
    '#password': account.password,
    '#confirm': account.password,
  });
  await page.uncheck('#pop');
  await page.click('form[method="post"] button[type="submit"], #process button[type="submit"]');
  await page.waitForSelector('text=/finished successfully|configuration was/i');
}

export async function logInToDokuWiki(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/doku.php?id=start&do=login`);
  await fillIn(page, { 'input[name="u"]': account.name, 'input[name="p"]': account.password });
  await page.click('#dw__login button[type="submit"]');
  await page.waitForSelector('.action.logout');
}

/** Uploads a picture into the wiki's media folder through the media manager's plain form. */
export async function uploadToDokuWiki(
  page: Page,
  base: string,
  picture: { name: string; bytes: Buffer },
): Promise<void> {
  await page.goto(`${base}/lib/exe/mediamanager.php?ns=`);
  await page.setInputFiles('input[type="file"]', { name: picture.name, mimeType: 'image/png', buffer: picture.bytes });
  await page.click('#mediamanager__uploader button[type="submit"], #dw__upload button[type="submit"]');
  await page.waitForSelector(`text=${picture.name}`);
}

/** Writes a page and saves it. */
export async function writeWikiPage(page: Page, base: string, name: string, text: string): Promise<void> {
  await page.goto(`${base}/doku.php?id=${name}&do=edit`);
  await fillIn(page, { '#wiki__text': text });
  await page.click('#edbtn__save');
  await page.waitForSelector('.mode_show');
}

export async function logOutOfDokuWiki(page: Page): Promise<void> {
  await page.click('.action.logout');
  await page.waitForSelector('.action.login');
}
