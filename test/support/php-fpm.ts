// PHP-FPM as a peer: one pool on a free port, as Debian sets it up, from a configuration in a temporary folder.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { findProgram, temporaryFolder } from './folder.ts';
import { freePort, startServer } from './server-process.ts';

/** The program; Debian puts the version into its name. null: it is not installed. */
export const phpFpm = ['php-fpm8.4', 'php-fpm8.3', 'php-fpm8.2', 'php-fpm'].find((name) => findProgram(name)) ?? null;

/** Starts it. @param user the pool's, where the test runs as root @param lines more of the pool */
export async function startFpm(t: { after: TestContext['after'] }, user: string, lines = ''): Promise<number> {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  writeFileSync(
    join(folder, 'fpm.conf'),
    `[global]
pid = ${folder}/pid
error_log = ${folder}/log
daemonize = no
[www]
${isRoot ? `user = ${user}\ngroup = ${user}` : ''}
listen = 127.0.0.1:${port}
pm = static
pm.max_children = 2
${lines}
`,
  );
  await startServer(t, [phpFpm!, '-F', '-y', join(folder, 'fpm.conf')], port);
  return port;
}
