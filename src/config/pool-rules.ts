// The rules of a pool that span its keys, or that ask the system.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AddressList } from '../address-list.ts';
import { absoluteAddress, parseAddress } from '../connection/address.ts';
import { formatIniSetting } from '../php/ini-arguments.ts';
import type { Users } from '../worker/user.ts';
import type { PoolValues } from './pool-schema.ts';
import { isFolder, type Path, type Problem, refused, sectionName, when } from './problem.ts';

type StartedPool = Exclude<PoolValues, { kind: 'connect' }>;
type WorkersPool = Exclude<StartedPool, { kind: 'cgi' }>;

/** What is wrong in a pool whose keys and types are right. */
export function checkPool(pool: PoolValues, path: Path, folder: string, users: Users): Problem[] {
  const pages = checkPages(pool, path);
  if (pool.kind === 'connect')
    return pool.connect
      .flatMap(({ address }, index) =>
        refused(() => parseAddress(absoluteAddress(address, folder)), [...path, 'connect', index]),
      )
      .concat(pages);
  return [...pages, ...checkUser(pool, path, users), ...(pool.kind === 'cgi' ? [] : checkWorkers(pool, path, folder))];
}

/** PHP-FPM's pages. */
function checkPages({ statusPath, pingPath, statusClients }: PoolValues, path: Path): Problem[] {
  const section = sectionName(path);
  return [
    ...when(
      statusPath !== undefined && statusPath === pingPath,
      [...path, 'pingPath'],
      `pingPath in ${section} is "${pingPath}", as statusPath is: give each a path of its own`,
      [...path, 'statusPath'],
    ),
    ...when(
      statusPath === undefined && statusClients.length > 0,
      [...path, 'statusClients'],
      `statusClients in ${section} is for statusPath: give it one, or take statusClients out`,
    ),
    ...statusClients.flatMap((entry, index) =>
      refused(() => new AddressList([entry], 'statusClients'), [...path, 'statusClients', index]),
    ),
  ];
}

function checkUser({ user }: StartedPool, path: Path, users: Users): Problem[] {
  if (user === undefined) return [];
  const section = sectionName(path);
  const isRoot = process.getuid?.() === 0;
  return [
    ...when(
      !isRoot,
      [...path, 'user'],
      `user in ${section} needs Postern to be started as root: take it out, or start it as root`,
    ),
    ...when(
      isRoot && users.groupOf(user) === null,
      [...path, 'user'],
      `user in ${section}: there is no user "${user}" on this system: create it, or change user`,
    ),
  ];
}

function checkWorkers(pool: WorkersPool, path: Path, folder: string): Problem[] {
  const section = sectionName(path);
  const cwd = resolve(folder, pool.cwd ?? '.');
  const app = pool.kind === 'app' ? resolve(folder, pool.app) : null;
  const ini = pool.kind === 'php' ? Object.entries(pool.ini) : [];
  return [
    ...when(
      pool.minWorkers > pool.workers,
      [...path, 'minWorkers'],
      `minWorkers in ${section} is ${pool.minWorkers}, above workers (${pool.workers}): lower it, or raise workers`,
      [...path, 'workers'],
    ),
    ...when(!isFolder(cwd), [...path, 'cwd'], `cwd in ${section}: there is no folder ${cwd}`),
    ...when(app !== null && !existsSync(app), [...path, 'app'], `app in ${section}: there is no file ${app}`),
    ...ini.flatMap(([name, value]) => refused(() => formatIniSetting(name, value), [...path, 'ini', name])),
  ];
}
