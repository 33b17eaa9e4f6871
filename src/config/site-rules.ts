// The rules of a site and its routes that span keys, or that ask the disk.

import { resolve } from 'node:path';
import { AddressList } from '../address-list.ts';
import { alternatives, parsePattern, patternHint } from '../protocol/http/path-pattern.ts';
import { nearestName } from './nearest.ts';
import { isFolder, type Path, type Problem, refused, sectionName, when } from './problem.ts';
import type { RouteValues, SiteValues } from './site-schema.ts';

/** The pools of a file by name, and what each runs as far as that can be told. */
export type PoolNames = ReadonlyMap<string, string | undefined>;

/** What is wrong in a site whose keys and types are right. */
export function checkSite(site: Omit<SiteValues, 'route' | 'sendfile'>, path: Path, folder: string): Problem[] {
  const entries = (key: 'trustedProxies' | 'trustedPeers' | 'allowedClients'): Problem[] =>
    site[key].flatMap((entry, index) => refused(() => new AddressList([entry], key), [...path, key, index]));
  return [
    ...checkFolder(site.root, 'root', path, folder),
    ...(site.spoolFolder === undefined ? [] : checkFolder(site.spoolFolder, 'spoolFolder', path, folder)),
    ...entries('trustedProxies'),
    ...entries('trustedPeers'),
    ...entries('allowedClients'),
  ];
}

/** What is wrong in a route whose keys and types are right. */
export function checkRoute(route: RouteValues, path: Path, folder: string, pools: PoolNames): Problem[] {
  const patterns = route.match.flatMap((match, index) => checkMatch(match, route, [...path, 'match', index]));
  if (route.kind === 'deny') return patterns;
  const root = route.root === undefined ? [] : checkFolder(route.root, 'root', path, folder);
  return [...patterns, ...root, ...(route.kind === 'pool' ? checkTarget(route, path, pools) : [])];
}

function checkTarget(route: Extract<RouteValues, { kind: 'pool' }>, path: Path, pools: PoolNames): Problem[] {
  const { pool } = route;
  // Each name is compared with each: not where all is well.
  const near = pools.has(pool) ? null : nearestName(pool, [...pools.keys()]);
  const instead = near === null ? `add a section [pool.${pool}]` : `did you mean "${near}"?`;
  return [
    ...when(!pools.has(pool), [...path, 'pool'], `there is no pool "${pool}": ${instead}`),
    ...when(
      route.streamUploads && pools.get(pool) === 'php',
      [...path, 'streamUploads'],
      `streamUploads in ${sectionName(path)}: PHP has to know how long a body is: take it out`,
    ),
  ];
}

function checkMatch(match: string, route: RouteValues, path: Path): Problem[] {
  const patterns = alternatives(match).map(parsePattern);
  if (patterns.includes(null)) return [{ path, message: `match "${match}" is no pattern: ${patternHint}` }];
  return when(
    patterns.some((pattern) => pattern?.kind === 'name') && route.kind === 'pool',
    path,
    `match "${match}": a name in any folder is for deny and files: write "/${match}" for the one at the top`,
  );
}

function checkFolder(value: string, key: string, path: Path, folder: string): Problem[] {
  const found = resolve(folder, value);
  return when(!isFolder(found), [...path, key], `${key} in ${sectionName(path)}: there is no folder ${found}`);
}
