// The rules of certificates by themselves that span keys.

import { isIP } from 'node:net';
import { relative, resolve } from 'node:path';
import type { ConfigValues } from './config-schema.ts';
import { type Path, type Problem, sectionName, when } from './problem.ts';
import type { SiteValues } from './site-schema.ts';
import { neededStore } from './state-folder.ts';

/** What a site cannot have that gets its certificates by itself. */
export function checkAutomatic({ host, tls }: Pick<SiteValues, 'host' | 'tls'>, path: Path): Problem[] {
  if (tls !== 'auto') return [];
  const section = sectionName(path);
  const wildcard = host.find((name) => name.startsWith('*.'));
  const address = host.find((name) => isIP(name) !== 0 || name.startsWith('['));
  return [
    ...when(host.length === 0, [...path, 'tls'], `tls = "auto" in ${section}: say for which names: add host`),
    ...when(
      wildcard !== undefined,
      [...path, 'host'],
      `tls = "auto" in ${section} gets no certificate for "${wildcard}": name each host, or give tls the files of one`,
    ),
    ...when(
      address !== undefined,
      [...path, 'host'],
      `tls = "auto" in ${section} gets no certificate for the address ${address}: give a name, or the files of a certificate`,
    ),
  ];
}

/** Keys would be files of a site. */
export function checkStore({ acme, site }: Pick<ConfigValues, 'acme' | 'site'>, folder: string): Problem[] {
  const store = neededStore({ acme, site }, folder);
  if (store === null) return [];
  const around = Object.entries(site).find(([, { root }]) => !relative(resolve(folder, root), store).startsWith('..'));
  const message = `the certificates would be kept in ${store}, below the root of site ${around?.[0]}: set store in [acme]`;
  return when(around !== undefined, ['acme', 'store'], message);
}
