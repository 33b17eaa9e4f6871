// What a person does with WordPress, driven in a real browser: install, log in, write, look things up, log out.

import type { Page } from 'playwright-core';
import { fillIn } from './browser.ts';

/** The account that `installWordPress` makes. */
export const wordPressUser = { name: 'editor', password: 'a-Long-Passphrase-42' } as const;

/** The answer to a step of the browser, so that a test can judge its status. */
export interface Visit {
  readonly status: number;
  readonly text: string;
}

/** Fills in WordPress's own installation form. */
export async function installWordPress(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/wp-admin/install.php`);
  // Where the language list cannot be fetched, WordPress goes straight to the form.
  if ((await page.locator('#language').count()) > 0) await page.locator('#language-continue').click();
  // Once its meter of strength is loaded, the page fills in a password of its own and moves the focus there.
  await page.waitForFunction(() => document.querySelector<HTMLInputElement>('#pass1')!.value !== '');
  await fillIn(page, {
    '#weblog_title': 'A site on warm workers',
    '#user_login': wordPressUser.name,
    '#pass1': wordPressUser.password,
    '#admin_email': 'editor@example.org',
  });
  await page.click('#submit');
  await page.waitForSelector('text=Success!');
}

export async function logIn(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/wp-login.php`);
  // The page moves the focus to the name 200 ms after it was shown: a password that is under way then lands there.
  await page.waitForFunction(() => document.activeElement?.id === 'user_login');
  await fillIn(page, { '#user_login': wordPressUser.name, '#user_pass': wordPressUser.password });
  await page.click('#wp-submit');
  await page.waitForSelector('#wpadminbar');
}

/** Sets the permalink structure to /%postname%/ on its settings page. */
export async function usePrettyPermalinks(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/wp-admin/options-permalink.php`);
  await page.check('#custom_selection');
  await fillIn(page, { '#permalink_structure': '/%postname%/' });
  await page.click('#submit');
  await page.waitForSelector('.notice-success, #setting-error-settings_updated, .updated');
}

/** Uploads a picture with the plain form of the media library. @returns the address of the picture itself */
export async function uploadPicture(
  page: Page,
  base: string,
  picture: { name: string; bytes: Buffer },
): Promise<string> {
  await page.goto(`${base}/wp-admin/media-new.php?browser-uploader`);
  await page.setInputFiles('#async-upload', { name: picture.name, mimeType: 'image/png', buffer: picture.bytes });
  await page.click('#html-upload');
  await page.waitForURL(/upload\.php/);
  const stem = picture.name.replace(/\.png$/, '');
  return page.evaluate(async (search) => {
    const root = document.querySelector<HTMLLinkElement>('link[rel="https://api.w.org/"]')?.href ?? '/wp-json/';
    const answer = await fetch(`${root}wp/v2/media?search=${search}`);
    const found = (await answer.json()) as { source_url: string }[];
    return found[0]?.source_url ?? '';
  }, stem);
}

/** Writes and publishes a post in the block editor. @returns its permalink */
export async function publishPost(page: Page, base: string, post: { title: string; html: string }): Promise<string> {
  await page.goto(`${base}/wp-admin/post-new.php`);
  await page.waitForFunction(() => 'wp' in window && document.querySelector('.edit-post-layout') !== null);
  return page.evaluate(async ({ title, html }) => {
    type Store = Record<string, (...values: unknown[]) => unknown>;
    const { dispatch, select } = (window as unknown as { wp: { data: Record<string, (name: string) => Store> } }).wp
      .data;
    await dispatch!('core/editor').editPost!({ title, content: html, status: 'publish' });
    await dispatch!('core/editor').savePost!();
    if (select!('core/editor').didPostSaveRequestFail!()) throw new Error('the editor could not save the post');
    return String(select!('core/editor').getPermalink!());
  }, post);
}

/** Opens a page. */
export async function visit(page: Page, url: string): Promise<Visit> {
  const answer = await page.goto(url);
  return { status: answer?.status() ?? 0, text: (await page.textContent('body')) ?? '' };
}

export async function logOut(page: Page, base: string): Promise<void> {
  await page.goto(`${base}/wp-admin/`);
  const href = await page.getAttribute('#wp-admin-bar-logout a', 'href');
  await page.goto(href!);
  await page.waitForSelector('#loginform');
}
