// The rules of a site and its routes that span keys, or that ask the disk.

import { dirname, resolve } from 'node:path';
import { compileAccessFormat } from '../access-format.ts';
import { AddressList } from '../address-list.ts';
import { alternatives, type PathPattern, parsePattern, patternHint } from '../protocol/http/path.ts';
import type { Users } from '../worker/user.ts';
import { checkTls } from './config-rules.ts';
import { nearestName } from './nearest.ts';
import type { PoolValues } from './pool-schema.ts';
import { isFolder, keyName, type Path, type Problem, refused, sectionName, when } from './problem.ts';
import type { ListenValues, RouteValues, SiteValues } from './site-schema.ts';

/** The pools of a file by name; null: one that could not be read. */
export type Targets = ReadonlyMap<string, PoolValues | null>;

type PoolRoute = Extract<RouteValues, { kind: 'pool' }>;

/** What is wrong in a site whose keys and types are right. */
export function checkSite(
  site: Omit<SiteValues, 'route' | 'rule' | 'sendfile'>,
  path: Path,
  folder: string,
  users: Users,
): Problem[] {
  const entries = (key: 'trustedProxies' | 'trustedPeers' | 'allowedClients'): Problem[] =>
    site[key].flatMap((entry, index) => refused(() => new AddressList([entry], key), [...path, key, index]));
  return [
    ...checkFolder(site.root, 'root', path, folder),
    ...checkAccessLog(site, path, folder),
    ...(site.spoolFolder === undefined ? [] : checkFolder(site.spoolFolder, 'spoolFolder', path, folder)),
    ...site.listen.flatMap((listen, index) => checkListen(listen, [...path, 'listen', index], users)),
    ...entries('trustedProxies'),
    ...entries('trustedPeers'),
    ...checkTls(site, path),
    ...entries('allowedClients'),
  ];
}

function checkAccessLog(
  { accessLog, accessFormat }: Pick<SiteValues, 'accessLog' | 'accessFormat'>,
  path: Path,
  folder: string,
): Problem[] {
  const section = sectionName(path);
  const file = accessLog === undefined || accessLog === 'off' ? null : resolve(folder, accessLog);
  return [
    ...when(
      file !== null && isFolder(file),
      [...path, 'accessLog'],
      `accessLog in ${section}: ${file} is a folder: name a file in it`,
    ),
    ...when(
      file !== null && !isFolder(dirname(file)),
      [...path, 'accessLog'],
      `accessLog in ${section}: there is no folder ${dirname(file ?? '')}`,
    ),
    ...when(
      accessFormat !== undefined && file === null,
      [...path, 'accessFormat'],
      `accessFormat in ${section} is for a file: name one in accessLog, or take it out`,
    ),
    ...(accessFormat === undefined || accessFormat === 'json'
      ? []
      : refused(() => compileAccessFormat(accessFormat), [...path, 'accessFormat'])),
  ];
}

/** Whom a socket file is to belong to. */
function checkListen({ owner, group }: ListenValues, path: Path, users: Users): Problem[] {
  const isRoot = process.getuid?.() === 0;
  return [
    ...when(
      owner !== undefined && users.accountOf(owner) === null,
      [...path, 'owner'],
      `owner in ${keyName(path)}: there is no user "${owner}" on this system: create it, or change owner`,
    ),
    ...when(
      owner !== undefined && !isRoot && users.accountOf(owner)?.id !== String(process.getuid?.()),
      [...path, 'owner'],
      `owner in ${keyName(path)} needs Postern to be started as root: take it out, or start it as root`,
    ),
    ...when(
      group !== undefined && users.groupNamed(group) === null,
      [...path, 'group'],
      `group in ${keyName(path)}: there is no group "${group}" on this system: create it, or change group`,
    ),
  ];
}

/** What is wrong in a route whose keys and types are right. */
export function checkRoute(route: RouteValues, path: Path, folder: string, pools: Targets): Problem[] {
  const patterns = route.match.map((match) => alternatives(match).map(parsePattern));
  const matches = patterns.flatMap((all, index) =>
    when(all.includes(null), [...path, 'match', index], `match "${route.match[index]}" is no pattern: ${patternHint}`),
  );
  if (route.kind === 'deny') return matches;
  const root = route.root === undefined ? [] : checkFolder(route.root, 'root', path, folder);
  if (route.kind === 'files') return [...matches, ...root];
  const runs = matches.length > 0 ? [] : checkRuns(route, patterns as PathPattern[][], path, pools);
  return [...matches, ...root, ...checkTarget(route, path, pools), ...runs];
}

function checkTarget(route: PoolRoute, path: Path, pools: Targets): Problem[] {
  const { pool } = route;
  // Each name is compared with each: not where all is well.
  const near = pools.has(pool) ? null : nearestName(pool, [...pools.keys()]);
  const instead = near === null ? `add a section [pool.${pool}]` : `did you mean "${near}"?`;
  return [
    ...when(!pools.has(pool), [...path, 'pool'], `there is no pool "${pool}": ${instead}`),
    ...when(
      route.streamUploads && pools.get(pool)?.kind === 'php',
      [...path, 'streamUploads'],
      `streamUploads in ${sectionName(path)}: PHP has to know how long a body is: take it out`,
    ),
  ];
}

/** What the patterns of a route to a pool cannot have. */
function checkRuns(route: PoolRoute, patterns: readonly PathPattern[][], path: Path, pools: Targets): Problem[] {
  const section = sectionName(path);
  const pool = pools.get(route.pool) ?? null;
  const all = patterns.flat();
  // Other programs are mounted there: see docs/configuration.md.
  const isMount =
    pool !== null && pool.kind !== 'php' && pool.kind !== 'cgi' && !all.some(({ kind }) => kind === 'suffix');
  const ofFiles = (['root', 'index', 'fallback'] as const).filter((key) => isMount && route[key] !== undefined);
  return [
    ...patterns.flatMap((each, index) =>
      checkMatch(each, route.match[index]!, [...path, 'match', index], route.pool, pool),
    ),
    ...ofFiles.map((key) => ({
      path: [...path, key],
      message: `${key} in ${section}: pool ${route.pool} is mounted there, and no file is looked for: take it out`,
    })),
    ...when(
      !isMount && route.fallback !== undefined && all.some(({ kind }) => kind !== 'prefix'),
      [...path, 'fallback'],
      `fallback in ${section} is for a prefix: write match = "/app/*", or the fallback of the site`,
    ),
  ];
}

function checkMatch(
  patterns: readonly PathPattern[],
  match: string,
  path: Path,
  name: string,
  pool: PoolValues | null,
): Problem[] {
  const extensions = pool?.kind === 'php' ? pool.extensions : null;
  const other = patterns.flatMap((one) =>
    one.kind === 'suffix' && extensions?.every((end) => end.toLowerCase() !== one.suffix) ? one.suffix : [],
  );
  return [
    ...when(
      patterns.some(({ kind }) => kind === 'name'),
      path,
      `match "${match}": a name in any folder is for deny and files: write "/${match}" for the one at the top`,
    ),
    ...when(
      other.length > 0,
      path,
      `match "${match}": pool ${name} runs only ${extensions?.join(' and ')}: add "${other[0]}" to its extensions`,
    ),
  ];
}

function checkFolder(value: string, key: string, path: Path, folder: string): Problem[] {
  const found = resolve(folder, value);
  return when(!isFolder(found), [...path, key], `${key} in ${sectionName(path)}: there is no folder ${found}`);
}
