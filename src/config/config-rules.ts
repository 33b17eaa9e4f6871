// The rules of the log, and those of a site's names and certificates that span keys.

import { dirname, resolve } from 'node:path';
import { checkAutomatic } from './acme-rules.ts';
import type { ConfigValues } from './config-schema.ts';
import { isFolder, type Path, type Problem, sectionName, when } from './problem.ts';
import type { SiteValues } from './site-schema.ts';

/** What can be known of the log's file without making it. */
export function checkLog({ file }: ConfigValues['log'], folder: string): Problem[] {
  if (file === undefined || file === 'stdout' || file === 'stderr') return [];
  const path = resolve(folder, file);
  return [
    ...when(isFolder(path), ['log', 'file'], `file in [log]: ${path} is a folder: name a file in it`),
    ...when(!isFolder(dirname(path)), ['log', 'file'], `file in [log]: there is no folder ${dirname(path)}`),
  ];
}

/** Pages of two pools at one path of a site that leads to both: only the first would ever be seen. */
export function checkPoolPages({ site, pool }: ConfigValues): Problem[] {
  return Object.entries(site).flatMap(([name, { route }]) => {
    const named = new Set(
      route.flatMap((one) => (one.kind === 'pool' && pool[one.pool] !== undefined ? one.pool : [])),
    );
    const taken = new Map<string, string>();
    return [...named].flatMap((poolName) =>
      (['statusPath', 'pingPath'] as const).flatMap((key) => {
        const at = pool[poolName]![key];
        const other = at === undefined ? undefined : taken.get(at);
        if (at !== undefined && other === undefined) taken.set(at, poolName);
        const message = `${key} in [pool.${poolName}] is "${at}", as in [pool.${other}], and site ${name} leads to both: give each a path of its own`;
        return when(other !== undefined && other !== poolName, ['pool', poolName, key], message);
      }),
    );
  });
}

/** What the keys of names and certificates cannot have. */
export function checkTls(
  site: Pick<SiteValues, 'host' | 'listen' | 'tls' | 'clientCertificates' | 'trustedProxies'>,
  path: Path,
): Problem[] {
  const { listen, tls, clientCertificates, trustedProxies } = site;
  const isSpoken = listen.length === 0 || listen.some(({ address }) => address.startsWith('https:'));
  const needsListener = (key: 'tls' | 'clientCertificates'): string =>
    `${key} in ${sectionName(path)} is for "https://" listeners: add one to listen, "https://:443"`;
  return [
    ...checkAutomatic(site, path),
    ...when(tls !== undefined && !isSpoken, [...path, 'tls'], needsListener('tls')),
    ...when(
      clientCertificates !== undefined && !isSpoken,
      [...path, 'clientCertificates'],
      needsListener('clientCertificates'),
    ),
    ...listen.flatMap(({ proxyProtocol }, index) =>
      when(
        proxyProtocol && trustedProxies.length === 0,
        [...path, 'listen', index, 'proxyProtocol'],
        `proxyProtocol in ${sectionName(path)}: say in trustedProxies who may speak it`,
      ),
    ),
  ];
}
