// A WordPress with its database: Debian's package, copied to a folder and installed without a browser.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { account, giveTo } from './account.ts';
import { type Database, startDatabase } from './database.ts';
import { type Processes, runProgram } from './processes.ts';
import { programPath } from './program.ts';

/** Where Debian's package puts WordPress. */
export const wordpressPackage = '/usr/share/wordpress';

/** What the WordPress cases need besides a peer. */
export const wordpressNeeds = [wordpressPackage, 'mariadbd', 'mariadb', 'mariadb-install-db', 'php-cgi'];

/** Copies, configures and installs a WordPress below `folder`, starts its database, and returns its document root. */
export async function startWordpress(folder: string, processes: Processes, signal: AbortSignal): Promise<string> {
  const root = `${folder}/root`;
  mkdirSync(folder, { recursive: true });
  // The package is full of links to other packages; a server may refuse links that leave the root.
  cpSync(wordpressPackage, root, { recursive: true, dereference: true });
  const database = await startDatabase(`${folder}/database`, processes, signal);
  writeFileSync(`${root}/wp-config.php`, configuration(database));
  writeFileSync(`${folder}/install.php`, installer(root));
  writeFileSync(`${root}/hello.php`, '<?php echo "Hello\\n";\n');
  if (account !== null) giveTo(account, root);
  const php = [programPath('php-cgi'), '-q', '-d', 'cgi.force_redirect=0', '-d', 'memory_limit=256M'];
  const output = await runProgram([...php, `${folder}/install.php`], { folder, signal });
  if (!output.includes('installed')) throw new Error(`WordPress was not installed:\n${output}`);
  return root;
}

function configuration(database: Database): string {
  return `<?php
define('DB_NAME', '${database.name}');
define('DB_USER', '${database.user}');
define('DB_PASSWORD', '${database.password}');
define('DB_HOST', 'localhost:${database.socket}');
define('DB_CHARSET', 'utf8mb4');
// One site behind many servers: its address is the one it was asked by.
define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', 'http://' . $_SERVER['HTTP_HOST']);
// Nothing but the front page may take time: no cron, no look for updates.
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
header('X-Worker: ' . getmypid());
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
`;
}

function installer(root: string): string {
  return `<?php
$_SERVER['HTTP_HOST'] = '127.0.0.1';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_METHOD'] = 'GET';
$_SERVER['REQUEST_URI'] = '/';
define('WP_INSTALLING', true);
require '${root}/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
// The welcome mail would wait for a mail server.
function wp_mail() { return true; }
wp_install('Bench', 'admin', 'admin@example.org', true, '', 'bench');
echo 'installed';
`;
}
