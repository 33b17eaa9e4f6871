// The rules of a configuration that span keys, or that ask the disk: one kind a pool, pools that exist, addresses used once.

import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AddressList } from '../address-list.ts';
import { parseAddress } from '../connection/address.ts';
import { PosternError } from '../errors.ts';
import { formatIniSetting } from '../php/ini-arguments.ts';
import { parsePattern, patternHint } from '../protocol/http/path-pattern.ts';
import { groupOf } from '../worker/user.ts';
import type { ConfigValues, PoolValues, RouteValues, SiteValues } from './config-schema.ts';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';
import { nearestName } from './nearest.ts';
import { keyName, type Problem, sectionName } from './problem.ts';

/** What a pool can run, by the key that says so. */
export const poolKinds = ['php', 'command', 'connect', 'cgi', 'app'] as const;

/** One kind of pool. */
export type PoolKind = (typeof poolKinds)[number];

type Path = readonly PropertyKey[];

/** The kind of a pool that passed `checkConfig`. */
export function kindOf(pool: PoolValues): PoolKind {
  return poolKinds.find((kind) => pool[kind] !== undefined)!;
}

/** Everything that is wrong in a configuration whose keys and types are right. */
export function checkConfig(values: ConfigValues, folder: string): Problem[] {
  return [
    ...checkSites(values, folder),
    ...Object.entries(values.pool).flatMap(([name, pool]) => checkPool(pool, ['pool', name], folder)),
    ...checkListeners(values),
    ...checkLog(values.log, folder),
  ];
}

function checkSites(values: ConfigValues, folder: string): Problem[] {
  const sites = Object.entries(values.site);
  if (sites.length === 0)
    return [{ path: [], message: 'there is no site: add a section [site.main] with its root and routes' }];
  return sites.flatMap(([name, site]) => checkSite(site, ['site', name], Object.keys(values.pool), folder));
}

function checkSite(site: SiteValues, path: Path, pools: readonly string[], folder: string): Problem[] {
  const root = resolve(folder, site.root);
  return [
    ...when(!isFolder(root), [...path, 'root'], `root in ${sectionName(path)}: there is no folder ${root}`),
    ...site.trustedProxies.flatMap((entry, index) =>
      refused(() => new AddressList([entry], 'trustedProxies'), [...path, 'trustedProxies', index]),
    ),
    ...site.route.flatMap((route, index) => checkRoute(route, [...path, 'route', index], pools)),
  ];
}

function checkRoute(route: RouteValues, path: Path, pools: readonly string[]): Problem[] {
  const targets = [route.pool, route.files, route.deny].filter((target) => target !== undefined).length;
  const near = route.pool === undefined ? null : nearestName(route.pool, pools);
  const instead = near === null ? `add a section [pool.${route.pool}]` : `did you mean "${near}"?`;
  return [
    ...when(targets !== 1, path, `${sectionName(path)} needs one of pool = "NAME", files = true and deny = true`),
    ...when(
      route.pool !== undefined && !pools.includes(route.pool),
      [...path, 'pool'],
      `there is no pool "${route.pool}": ${instead}`,
    ),
    ...route.match.flatMap((match, index) =>
      when(parsePattern(match) === null, [...path, 'match', index], `match "${match}" is no pattern: ${patternHint}`),
    ),
  ];
}

function checkPool(pool: PoolValues, path: Path, folder: string): Problem[] {
  const section = sectionName(path);
  const kinds = poolKinds.filter((kind) => pool[kind] !== undefined);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'does not say what it runs' : `says ${kinds.join(' and ')}`;
    return [
      {
        path: kinds.length === 0 ? path : [...path, kinds[1]!],
        message: `${section} ${found}: give one of ${poolKinds.join(', ')}`,
      },
    ];
  }
  const kind = kinds[0]!;
  const isRoot = process.getuid?.() === 0;
  const app = pool.app === undefined ? '' : resolve(folder, pool.app);
  return [
    ...when(
      kind !== 'php' && Object.keys(pool.ini).length > 0,
      [...path, 'ini'],
      `ini in ${section} is for PHP: this pool runs ${kind}`,
    ),
    ...when(
      kind !== 'app' && pool.threads !== undefined,
      [...path, 'threads'],
      `threads in ${section} is for applications: this pool runs ${kind}`,
    ),
    ...when(
      pool.minWorkers > pool.workers,
      [...path, 'minWorkers'],
      `minWorkers in ${section} is ${pool.minWorkers}, above workers (${pool.workers}): lower it, or raise workers`,
    ),
    ...when(
      pool.user !== undefined && !isRoot,
      [...path, 'user'],
      `user in ${section} needs Postern to be started as root: take it out, or start it as root`,
    ),
    ...when(
      pool.user !== undefined && isRoot && groupOf(pool.user) === null,
      [...path, 'user'],
      `user in ${section}: there is no user "${pool.user}" on this system: create it, or change user`,
    ),
    ...Object.entries(pool.ini).flatMap(([name, value]) =>
      refused(() => formatIniSetting(name, value), [...path, 'ini', name]),
    ),
    ...when(kind === 'app' && !existsSync(app), [...path, 'app'], `app in ${section}: there is no file ${app}`),
    ...(kind === 'connect' ? (pool.connect ?? []) : []).flatMap((text, index) =>
      refused(() => parseAddress(text), [...path, 'connect', index]),
    ),
  ];
}

/** What can be known of the log's file without making it. */
function checkLog({ file }: ConfigValues['log'], folder: string): Problem[] {
  if (file === undefined || file === 'stdout' || file === 'stderr') return [];
  const path = resolve(folder, file);
  return [
    ...when(isFolder(path), ['log', 'file'], `file in [log]: ${path} is a folder: name a file in it`),
    ...when(!isFolder(dirname(path)), ['log', 'file'], `file in [log]: there is no folder ${dirname(path)}`),
  ];
}

/** Addresses that are not addresses, or that are used twice. */
function checkListeners(values: ConfigValues): Problem[] {
  const used = new Map<string, string>();
  const problems: Problem[] = [];
  const listeners: { path: Path; text: string }[] = Object.entries(values.site).flatMap(([name, site]) =>
    site.listen.map((text, index) => ({ path: ['site', name, 'listen', index], text })),
  );
  if (values.admin !== undefined) listeners.push({ path: ['admin', 'listen'], text: values.admin.listen });
  for (const { path, text } of listeners) {
    problems.push(...refused(() => parseListenAddress(text), path));
    if (problems.length > 0) continue;
    const listen = parseListenAddress(text);
    if (path[0] === 'admin' && listen.protocol !== 'http')
      problems.push({ path, message: `${keyName(path)}: "${text}": the admin pages are HTTP: write "127.0.0.1:2020"` });
    const key = formatListenAddress(listen);
    const isAny = listen.address.kind === 'tcp' && listen.address.port === 0;
    const first = used.get(key);
    if (first !== undefined && !isAny)
      problems.push({ path, message: `${keyName(path)}: "${text}" is also that of ${first}` });
    used.set(key, sectionName(path.slice(0, path[0] === 'admin' ? 1 : 2)));
  }
  return problems;
}

/** Whether it is a folder that can be seen. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // it is not there, or may not be looked at
  }
}

function when(isWrong: boolean, path: Path, message: string): Problem[] {
  return isWrong ? [{ path, message }] : [];
}

/** The refusal that `read` throws, as a problem. */
function refused(read: () => unknown, path: Path): Problem[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return [{ path, message: `${keyName(path)}: ${error.message}` }];
  }
}
