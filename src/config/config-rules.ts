// The rules that span sections, and those of the log and the admin pages.

import { dirname, resolve } from 'node:path';
import { absoluteAddress, isReachable } from '../connection/address.ts';
import type { ConfigValues } from './config-schema.ts';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';
import { isFolder, keyName, type Path, type Problem, refused, sectionName, when } from './problem.ts';

/** What can be known of the log's file without making it. */
export function checkLog({ file }: ConfigValues['log'], folder: string): Problem[] {
  if (file === undefined || file === 'stdout' || file === 'stderr') return [];
  const path = resolve(folder, file);
  return [
    ...when(isFolder(path), ['log', 'file'], `file in [log]: ${path} is a folder: name a file in it`),
    ...when(!isFolder(dirname(path)), ['log', 'file'], `file in [log]: there is no folder ${dirname(path)}`),
  ];
}

/**
 * Addresses that are none, that are used twice, or that strangers could reach.
 * @param isFaulty whether a key was found wrong already: what it says is then not known
 */
export function checkListeners(values: ConfigValues, folder: string, isFaulty: (path: Path) => boolean): Problem[] {
  const used = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { path, text, isClosed } of listenersOf(values)) {
    const faults = isFaulty(path) ? null : refused(() => parseListenAddress(absoluteAddress(text, folder)), path);
    problems.push(...(faults ?? []));
    if (faults === null || faults.length > 0) continue;
    const listen = parseListenAddress(absoluteAddress(text, folder));
    const say = (message: string): void =>
      void problems.push({ path, message: `${keyName(path)}: "${text}" ${message}` });
    if (path[0] === 'admin' && listen.protocol !== 'http')
      say('cannot be: the admin pages are HTTP: write "127.0.0.1:2020"');
    if (listen.protocol === 'fastcgi' && !isClosed && isReachable(listen.address))
      say('can be reached from other machines: set allowedClients, or listen on 127.0.0.1 or a Unix socket');
    const key = formatListenAddress(listen);
    const isAny = listen.address.kind === 'tcp' && listen.address.port === 0;
    const first = used.get(key);
    if (first !== undefined && !isAny) say(`is also that of ${first}`);
    used.set(key, sectionName(path.slice(0, path[0] === 'admin' ? 1 : 2)));
  }
  return problems;
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

/** An address and where it is written. */
export interface Listening {
  readonly path: Path;
  readonly text: string;
  /** Whether it lets in only whom it is told to. */
  readonly isClosed: boolean;
}

/** Every address of a configuration. */
export function listenersOf({ site, admin }: Pick<ConfigValues, 'site' | 'admin'>): Listening[] {
  const listeners: Listening[] = Object.entries(site).flatMap(([name, { listen, allowedClients }]) =>
    listen.map(({ address }, index) => ({
      path: ['site', name, 'listen', index],
      text: address,
      isClosed: allowedClients.length > 0,
    })),
  );
  if (admin !== undefined) listeners.push({ path: ['admin', 'listen'], text: admin.listen, isClosed: true });
  return listeners;
}
