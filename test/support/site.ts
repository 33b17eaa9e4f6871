// A site on disk and its gateway, for tests of the gateway and of fronts.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway/handle.ts';
import type { AccessRecord } from '../../src/gateway/request-log.ts';
import type { BackendRoute, Route, Site } from '../../src/gateway/site.ts';
import type { Backend } from '../../src/protocol/cgi/exchange.ts';
import { siteOf } from '../../src/sites/configured-gateways.ts';
import { temporaryFolder } from './folder.ts';
import { RecordingLog } from './recording-log.ts';
import { ScriptedBackend } from './scripted-backend.ts';

/** A site of which the configuration says nothing: no routes yet, and its root is of no use. */
export const siteDefaults: Site = defaultSite();

function defaultSite(): Site {
  const config = defineConfig({ site: { test: {} } }, '/');
  return siteOf('test', config.values.site.test!, config, () => {
    throw new Error('a site without routes asks for no pool');
  });
}

/** A gateway and all that belongs to it. */
export interface TestSite {
  readonly root: string;
  readonly backend: ScriptedBackend;
  readonly gateway: Gateway;
  readonly log: RecordingLog;
  readonly access: AccessRecord[];
}

/** A route to a backend, with what the configuration gives when it is silent. */
export function route(
  match: string,
  kind: 'script' | 'mount',
  backend: Backend,
  more: Partial<BackendRoute> = {},
): Route {
  return { match, kind, backend, streamUploads: false, env: {}, ...more };
}

/** Writes files (path -> content; a path with "/" at its end is a folder). */
export function writeFiles(root: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(path.endsWith('/') ? file : dirname(file), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(file, content);
  }
}

/** A site with "*.php" and "/app/*" on a scripted backend. */
export function makeSite(
  t: { after: TestContext['after'] },
  files: Readonly<Record<string, string | Buffer>> = { 'index.php': 'source' },
  given: Partial<Site> = {},
  clock?: Clock,
  more: Pick<GatewayOptions, 'traces'> = {},
): TestSite {
  const root = temporaryFolder(t);
  writeFiles(root, files);
  const backend = new ScriptedBackend();
  const log = new RecordingLog();
  const access: AccessRecord[] = [];
  const site: Site = {
    ...siteDefaults,
    name: 'test',
    root,
    routes: [route('*.php', 'script', backend), route('/app/*', 'mount', backend)],
    spoolFolder: root,
    ...given,
  };
  const accessLog = (record: AccessRecord) => access.push(record);
  const gateway = createGateway({ site, log, accessLog, ...(clock && { clock }), ...more });
  return { root, backend, gateway, log, access };
}
