// nginx as a peer: one server on a free port, from a configuration in a temporary folder.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';
import { freePort, startServer } from './server-process.ts';

/**
 * Starts nginx.
 * @param locations what stands in its server block
 * @param outside what stands beside it, as an upstream
 */
export async function startNginx(
  t: { after: TestContext['after'] },
  locations: string,
  outside = '',
): Promise<{ readonly port: number; readonly errorLog: string }> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const errorLog = join(folder, 'error.log');
  const temporary = ['client_body', 'fastcgi', 'proxy', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const config = `
    daemon off;
    worker_processes 1;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    pid ${folder}/pid;
    error_log ${errorLog};
    events { worker_connections 256; }
    http {
      access_log off;
      ${temporary.join('\n      ')}
      ${outside}
      server { listen 127.0.0.1:${port}; ${locations} }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  await startServer(t, ['nginx', '-p', folder, '-e', errorLog, '-c', join(folder, 'nginx.conf')], port);
  return { port, errorLog };
}
