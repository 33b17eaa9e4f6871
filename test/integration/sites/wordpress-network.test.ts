// A network of WordPress's sites, in sub-folders and in sub-domains, with the real application from Debian's package: each address that its pages use.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { mariaDbMissing, startMariaDb } from '../../support/mariadb.ts';
import { phpPool } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { copyWordPress, siteMissing } from '../../support/sites.ts';

const missing =
  siteMissing('wordpress') ?? mariaDbMissing() ?? (findProgram('php-cgi') ? null : 'php-cgi is not installed');

type Kind = 'sub-folders' | 'sub-domains';

/** What a URL of "/path" or "host/path" must get, and what stands in it. */
type Rows = Readonly<Record<string, readonly [status: number, has?: RegExp]>>;

/** As wp-cli does it: the first site, then the network's tables. */
const setUp = (isByName: boolean): string => `<?php
define('WP_INSTALLING', true);
require __DIR__ . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/network.php';
wp_install('First site', 'editor', 'editor@example.org', true, '', 'a-Long-Passphrase-42');
foreach ($wpdb->tables('ms_global') as $table => $name) $wpdb->$table = $name;
install_network();
populate_network(1, 'net.test', 'editor@example.org', 'Net', '/', ${isByName});
echo 'set up';
`;

/** What WordPress asks for in wp-config.php, once there is a network. */
const constants = (isByName: boolean): string => `if (file_exists(__DIR__ . '/network')) {
define('MULTISITE', true); define('SUBDOMAIN_INSTALL', ${isByName}); define('DOMAIN_CURRENT_SITE', 'net.test');
define('PATH_CURRENT_SITE', '/'); define('SITE_ID_CURRENT_SITE', 1); define('BLOG_ID_CURRENT_SITE', 1);
}
`;

const addSite = (isByName: boolean): string => `<?php
require __DIR__ . '/wp-load.php';
$place = ${isByName} ? ['domain' => 'second.net.test', 'path' => '/'] : ['domain' => 'net.test', 'path' => '/second/'];
$id = wp_insert_site($place + ['network_id' => 1, 'user_id' => 1, 'title' => 'Second site']);
echo is_wp_error($id) ? $id->get_error_message() : "site $id";
`;

/** What is the same for each site of a network. @param at its address ahead of the path */
const ofSite = (at: string, title: RegExp): Rows => ({
  [`${at}/`]: [200, title],
  [`${at}/?p=1`]: [301],
  [`${at}/feed/`]: [200, title],
  [`${at}/no-such-page/`]: [404, title],
  [`${at}/?rest_route=/`]: [200, title],
  [`${at}/wp-login.php`]: [200, title],
  [`${at}/wp-admin/`]: [302],
  [`${at}/wp-admin/edit.php`]: [302],
  [`${at}/wp-admin/admin-ajax.php`]: [400],
  [`${at}/wp-admin/css/login.css`]: [200, /body/],
  [`${at}/wp-admin/includes/file.php`]: [404],
  [`${at}/wp-cron.php`]: [200],
  [`${at}/xmlrpc.php`]: [405],
  [`${at}/wp-config.php`]: [404],
  [`${at}/wp-includes/js/wp-util.js`]: [200, /wp\.template/],
  [`${at}/wp-includes/version.php`]: [404],
  [`${at}/wp-content/themes/twentytwentyone/style.css`]: [200, /Twenty Twenty-One/],
  [`${at}/wp-content/uploads/sites/2/a.txt`]: [200, /text/],
  [`${at}/wp-content/uploads/sites/2/shell.php`]: [404],
  [`${at}/wp-content/uploads/sites/2/shell.php/a.jpg`]: [404],
});

const rowsOf: Readonly<Record<Kind, Rows>> = {
  'sub-folders': {
    ...ofSite('', /First site/),
    ...ofSite('/second', /Second site/),
    '/second': [301],
    '/second/wp-admin': [301],
  },
  'sub-domains': {
    ...ofSite('', /First site/),
    ...ofSite('second.net.test', /Second site/),
    'second.net.test/wp-admin': [301],
    'none.net.test/': [302],
  },
};

for (const [kind, rows] of Object.entries(rowsOf) as [Kind, Rows][]) {
  test(`a network of WordPress's sites in ${kind}`, { skip: missing ?? false }, async (t) => {
    const isByName = kind === 'sub-domains';
    const above = temporaryFolder(t);
    const folder = join(above, 'wordpress');
    const database = await startMariaDb();
    t.after(database.stop);
    copyWordPress(folder, database.socketPath);
    mkdirSync(join(folder, 'wp-content/uploads/sites/2'), { recursive: true });
    writeFileSync(join(folder, 'wp-content/uploads/sites/2/a.txt'), 'text');
    writeFileSync(join(folder, 'wp-content/uploads/sites/2/shell.php'), '<?php echo "ran";');
    const settings = join(folder, 'wp-config.php');
    writeFileSync(
      settings,
      readFileSync(settings, 'utf8').replace('$table_prefix', () => `${constants(isByName)}$table_prefix`),
    );
    writeFileSync(join(folder, 'set-up.php'), setUp(isByName));
    writeFileSync(join(folder, 'add-site.php'), addSite(isByName));
    const config = join(above, 'postern.toml');
    const hosts = 'host = ["net.test", "*.net.test"]';
    writeFileSync(
      config,
      `[site.main]\nlisten = "127.0.0.1:0"\n${hosts}\nroot = "wordpress"\npreset = "wordpress"\n[pool.php]\n${phpPool}workers = 2\n`,
    );
    const postern = startPostern(t, above, ['run', '-c', config], above);
    await postern.wrote(/"msg":"running"/);
    const port = Number(/"url":"http:[^"]+:(\d+)\/"/.exec(postern.output())![1]);
    const ask = async (url: string) => askAt(port, url);

    assert.match((await ask('/set-up.php')).text, /set up$/);
    writeFileSync(join(folder, 'network'), '');
    assert.match((await ask('/add-site.php')).text, /site 2$/);

    assert.ok(Object.keys(rows).length >= 20);
    const answers: [string, string][] = [];
    for (const [url, [, has]] of Object.entries(rows)) {
      const { status, text } = await ask(url);
      answers.push([url, has === undefined || has.test(text) ? `${status}` : `${status} without ${has}`]);
    }
    assert.deepEqual(
      Object.fromEntries(answers),
      Object.fromEntries(Object.entries(rows).map(([url, [status]]) => [url, `${status}`])),
    );
  });
}

function askAt(port: number, url: string): Promise<{ status: number; text: string }> {
  const [, host = 'net.test', path] = /^([^/]+)?(\/.*)$/.exec(url)!;
  return new Promise((resolve, reject) => {
    const asked = get({ host: '127.0.0.1', port, path, headers: { Host: host } }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode!, text }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
  });
}
