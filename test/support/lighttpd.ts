// lighttpd as a peer: one server on a free port, from a configuration in a temporary folder.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';
import { freePort, startServer } from './server-process.ts';

/** Starts lighttpd. @param config what follows port, document root and log; "@FOLDER@" is its folder */
export async function startLighttpd(
  t: { after: TestContext['after'] },
  config: string,
): Promise<{ readonly port: number; readonly folder: string }> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const text = `
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${folder}"
server.errorlog = "${folder}/error.log"
server.upload-dirs = ( "${folder}" )
${config.replaceAll('@FOLDER@', folder)}
`;
  writeFileSync(join(folder, 'lighttpd.conf'), text);
  await startServer(t, ['lighttpd', '-D', '-f', join(folder, 'lighttpd.conf')], port);
  return { port, folder };
}
