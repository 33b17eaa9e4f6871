// `postern run` with one site whose /cgi-bin/ holds plain CGI programs, as a user configures it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startPostern } from './postern.ts';
import { freePort } from './server-process.ts';
import { until } from './until.ts';

/** A running one. */
export interface CgiService {
  readonly port: number;
  /** Waits for a line of the log. */
  logged(pattern: RegExp): Promise<void>;
}

/** @param pool more lines of [pool.cgi]; the site's root is the folder's "site" */
export async function startCgiService(
  t: { after: TestContext['after'] },
  folder: string,
  pool: string,
): Promise<CgiService> {
  mkdirSync(join(folder, 'site/cgi-bin'), { recursive: true });
  const [port, admin] = [await freePort(), await freePort()];
  const config = join(folder, 'postern.toml');
  writeFileSync(
    config,
    `
[admin]
listen = "127.0.0.1:${admin}"
[site.main]
listen = "127.0.0.1:${port}"
root = "site"
[[site.main.route]]
match = "/cgi-bin/*"
pool = "cgi"
[pool.cgi]
cgi = true
${pool}
`,
  );
  const addresses = { base: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${admin}` };
  const { output } = await startPostern(t, ['run', '-c', config], addresses);
  const isLogged = (pattern: RegExp): boolean => {
    const lines = output()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.some((line) => pattern.test((JSON.parse(line) as { msg: string }).msg));
  };
  return { port, logged: (pattern) => until(() => isLogged(pattern), output) };
}
