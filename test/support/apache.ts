// Apache httpd as a peer: one server on a free port, from a configuration in a temporary folder, as an unprivileged user.

import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';
import { freePort, startServer } from './server-process.ts';

/** Debian's user for web servers. Apache refuses to serve as root. */
const WWW_DATA = 33;

/**
 * Starts Apache with its event MPM.
 * @param modules names without "mod_" and "_module"
 * @param config directives of the server; "@FOLDER@" is a folder that the server's user may write to
 */
export async function startApache(
  t: { after: TestContext['after'] },
  modules: readonly string[],
  config: string,
): Promise<{ readonly port: number; readonly errorLog: string }> {
  const folder = temporaryFolder(t);
  const own = join(folder, 'own');
  mkdirSync(own);
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(own, WWW_DATA, WWW_DATA);
  const port = await freePort();
  const errorLog = join(folder, 'error.log');
  const load = ['mpm_event', 'authz_core', ...modules].map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  );
  const text = `
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
DefaultRuntimeDir ${own}
ErrorLog ${errorLog}
LogLevel warn
${load.join('\n')}
${isRoot ? `User #${WWW_DATA}\nGroup #${WWW_DATA}` : ''}
StartServers 1
DocumentRoot ${own}
<Directory />
  Require all granted
</Directory>
${config.replaceAll('@FOLDER@', own)}
`;
  writeFileSync(join(folder, 'httpd.conf'), text);
  await startServer(t, ['apache2', '-f', join(folder, 'httpd.conf'), '-DFOREGROUND'], port);
  return { port, errorLog };
}
