// PHP applications from Debian's packages, copied into a folder so that a test can install and change them.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why an application cannot be copied here; null: it can. */
export function siteMissing(name: 'wordpress' | 'dokuwiki' | 'adminer'): string | null {
  return existsSync(`/usr/share/${name}`) ? null : `${name} is not installed`;
}

/** WordPress with a wp-config.php for the given database; not yet installed into it. */
export function copyWordPress(folder: string, databaseSocket: string): void {
  copyResolved('/usr/share/wordpress', folder);
  mkdirSync(join(folder, 'wp-content/uploads'), { recursive: true });
  writeFileSync(
    join(folder, 'wp-config.php'),
    `<?php
define('DB_NAME', 'site'); define('DB_USER', 'site'); define('DB_PASSWORD', 'site');
define('DB_HOST', 'localhost:${databaseSocket}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('AUTH_SALT', 'e'); define('SECURE_AUTH_SALT', 'f'); define('LOGGED_IN_SALT', 'g'); define('NONCE_SALT', 'h');
// Nothing outside this machine is asked.
define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_AUTO_UPDATE_CORE', false);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
`,
  );
  allowAll(folder);
}

/** DokuWiki in its upstream layout (conf/ and data/ beside the code), not yet installed. */
export function copyDokuWiki(folder: string): void {
  copyResolved('/usr/share/dokuwiki', folder);
  rmSync(join(folder, 'inc/preload.php'), { force: true });
  copyResolved('/etc/dokuwiki', join(folder, 'conf'));
  for (const name of ['local.php', 'users.auth.php', 'acl.auth.php', 'plugins.local.php']) {
    rmSync(join(folder, 'conf', name), { force: true });
  }
  const conf = join(folder, 'conf/dokuwiki.php');
  writeFileSync(conf, readFileSync(conf, 'utf8').replace("'/var/lib/dokuwiki/data'", "'./data'"));
  copyResolved('/var/lib/dokuwiki/data', join(folder, 'data'));
  allowAll(folder);
}

/** Adminer, with a password-less SQLite login allowed, as its own documentation describes it. */
export function copyAdminer(folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyResolved('/usr/share/adminer', join(folder, 'adminer-files'));
  writeFileSync(
    join(folder, 'index.php'),
    `<?php
function adminer_object() {
  class OpenAdminer extends Adminer { function login($login, $password) { return true; } }
  return new OpenAdminer;
}
chdir(__DIR__ . '/adminer-files');
include './adminer.php';
`,
  );
  allowAll(folder);
}

/** Debian spreads its packages over symbolic links; a document root wants real files. */
function copyResolved(from: string, to: string): void {
  cpSync(from, to, { recursive: true, dereference: true, filter: (path) => existsSync(path) });
}

/** The workers may run as another user than the test. */
function allowAll(folder: string): void {
  chmodSync(folder, 0o777);
  execFileSync('chmod', ['-R', 'a+rwX', folder]);
}
