// The recipes of docs/php-applications.md and docs/securing.md, over folders of the shape that the applications have: what each address gets.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseConfig } from '../../src/config/config-file.ts';
import { type Explanation, explain } from '../../src/sites/explanation.ts';
import { temporaryFolder } from '../support/folder.ts';

const docs = new URL('../../docs/', import.meta.url).pathname;

/** What an address gets: "script FILE by POOL", "file FILE", "refused", "redirect LOCATION". */
type Row = readonly [url: string, what: string];

interface Recipe {
  readonly page: string;
  readonly heading: string;
  /** Below the folder that stands for "/". */
  readonly files: readonly string[];
  readonly rows: readonly Row[];
}

const recipes: readonly Recipe[] = [
  {
    page: 'php-applications.md',
    heading: 'WordPress',
    files: [
      ...['index.php', 'wp-login.php', 'wp-config.php', 'wp-admin/index.php', 'wp-includes/load.php'],
      ...['wp-content/uploads/a.php', 'wp-content/uploads/a.jpg'],
    ].map((file) => `srv/wordpress/${file}`),
    rows: [
      ['/', 'script srv/wordpress/index.php by php'],
      ['/2026/11/hello-world/', 'script srv/wordpress/index.php by php'],
      ['/wp-login.php', 'script srv/wordpress/wp-login.php by php'],
      ['/wp-admin/', 'script srv/wordpress/wp-admin/index.php by php'],
      ['/wp-content/uploads/a.jpg', 'file srv/wordpress/wp-content/uploads/a.jpg'],
      ['/wp-content/uploads/a.php', 'refused'],
      ['/wp-config.php', 'refused'],
      ['/wp-includes/load.php', 'refused'],
      // A network in sub-folders: "WordPress multisite".
      ['/blog/wp-admin/', 'script srv/wordpress/wp-admin/index.php by php'],
      ['/blog/a-page/', 'script srv/wordpress/index.php by php'],
    ],
  },
  ...['Laravel', 'Symfony'].map((heading) => ({
    page: 'php-applications.md',
    heading,
    files: ['srv/app/public/index.php', 'srv/app/public/other.php', 'srv/app/public/build/app.css', 'srv/app/.env'],
    rows: [
      ['/', 'script srv/app/public/index.php by php'],
      ['/users/7?a=b', 'script srv/app/public/index.php by php'],
      ['/build/app.css', 'file srv/app/public/build/app.css'],
      ['/other.php', 'refused'],
      ['/.env', 'refused'],
    ] as const,
  })),
  {
    page: 'php-applications.md',
    heading: 'MediaWiki',
    files: ['index.php', 'load.php', 'LocalSettings.php', 'images/a.png', 'maintenance/run.php'].map(
      (file) => `srv/mediawiki/${file}`,
    ),
    rows: [
      ['/wiki/Main_Page', 'script srv/mediawiki/index.php by php'],
      ['/load.php', 'script srv/mediawiki/load.php by php'],
      ['/images/a.png', 'file srv/mediawiki/images/a.png'],
      ['/LocalSettings.php', 'refused'],
      ['/maintenance/run.php', 'refused'],
    ],
  },
  {
    page: 'php-applications.md',
    heading: 'DokuWiki',
    files: ['doku.php', 'index.php', 'lib/exe/css.php', 'data/pages/start.txt', 'conf/users.auth.php'].map(
      (file) => `srv/dokuwiki/${file}`,
    ),
    rows: [
      ['/wiki:syntax', 'script srv/dokuwiki/doku.php by php'],
      ['/lib/exe/css.php', 'script srv/dokuwiki/lib/exe/css.php by php'],
      ['/data/pages/start.txt', 'refused'],
      ['/conf/users.auth.php', 'refused'],
    ],
  },
  {
    page: 'php-applications.md',
    heading: 'phpMyAdmin in a sub-folder',
    files: [
      'srv/www/index.php',
      ...['index.php', 'url.php', 'themes/a.css', 'libraries/a.php', 'templates/a.twig'].map(
        (file) => `usr/share/phpmyadmin/${file}`,
      ),
    ],
    rows: [
      ['/', 'script srv/www/index.php by php'],
      ['/a-page', 'script srv/www/index.php by php'],
      ['/phpmyadmin', 'redirect /phpmyadmin/'],
      ['/phpmyadmin/', 'script usr/share/phpmyadmin/index.php by tools'],
      ['/phpmyadmin/index.php?route=/database', 'script usr/share/phpmyadmin/index.php by tools'],
      ['/phpmyadmin/themes/a.css', 'file usr/share/phpmyadmin/themes/a.css'],
      ['/phpmyadmin/libraries/a.php', 'refused'],
      ['/phpmyadmin/templates/a.twig', 'refused'],
    ],
  },
  {
    page: 'securing.md',
    heading: 'A list',
    files: ['srv/www/index.php', 'srv/www/uploads/a.php', 'srv/www/uploads/a.jpg'],
    rows: [
      ['/index.php', 'script srv/www/index.php by php'],
      ['/uploads/a.jpg', 'file srv/www/uploads/a.jpg'],
      ['/uploads/a.php', 'refused'],
      ['/uploads/a.php/b', 'refused'],
      ['/uploads/a.jpg/x.php', 'refused'],
    ],
  },
];

describe('the recipes', () => {
  for (const { page, heading, files, rows } of recipes) {
    it(`of ${page} give what they say: ${heading}`, (t) => {
      const { folder, config } = made(t, page, heading, files);
      const given = rows.map(([url]) => [url, whatOf(explain(config, url), folder)]);
      assert.deepEqual(given, rows);
    });
  }
});

function made(t: TestContext, page: string, heading: string, files: readonly string[]) {
  const folder = temporaryFolder(t);
  for (const file of files) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  const section = readFileSync(docs + page, 'utf8')
    .split(/^## /m)
    .find((one) => one.startsWith(`${heading}\n`));
  const text = /^( *)```toml\n([\s\S]*?)^ *```$/m.exec(section ?? '')?.[2];
  assert.ok(text, `${page} has no block below "${heading}"`);
  const there = text.replaceAll(/^( *root = )"\/(.*)"$/gm, `$1"${folder}/$2"`);
  return { folder, config: parseConfig(there, join(folder, 'postern.toml')) };
}

function whatOf({ outcome, file, pool, location }: Explanation, folder: string): string {
  const name = file?.replace(`${folder}/`, '') ?? '';
  switch (outcome) {
    case 'script':
      return `script ${name} by ${pool}`;
    case 'file':
      return `file ${name}`;
    case 'redirect':
      return `redirect ${location}`;
    default:
      return outcome;
  }
}
