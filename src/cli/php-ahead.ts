// Looks for the PHP of pools while the rest of a start is loaded.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConfigValues } from '../config/config-schema.ts';
import type { Ahead } from '../launcher/requests.ts';
import { type FindPhp, findPhpAhead } from '../php/find-php.ts';

/** Begins to look, as the pools will. */
export function phpAhead({ php, folder }: Ahead): FindPhp {
  const { PATH: path = '', HOME: home = null } = process.env;
  return findPhpAhead([...new Set(php)].map((wanted) => ({ wanted, path, home, folder })));
}

/** What the pools of a configuration will look for; of other users' the launcher looks, when they are planned. */
export function configuredAhead({ pool }: Pick<ConfigValues, 'pool'>, folder: string): Ahead {
  const ours = Object.values(pool).flatMap((one) => (one.kind === 'php' && one.user === undefined ? one.php : []));
  return { php: ours, folder };
}

/** What `postern serve` will look for: what a folder is served with. A configuration says it later, and an application has no PHP. */
export function servedAhead(
  dir: string | undefined,
  { config, php = 'auto' }: { readonly config?: string; readonly php?: string },
): Ahead {
  const folder = resolve(dir ?? '.');
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return { php: config === undefined && isFolder ? [php] : [], folder };
}
