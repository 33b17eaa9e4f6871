// The services that run on this machine under this user, found by their control sockets; which of them a command means,
// and which of them has an address that is in use.

import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { formatTable } from '../admin/formatting.ts';
import type { ServiceIdentity } from '../admin/source.ts';
import { PosternError } from '../errors.ts';
import { askIdentity, controlPath } from './control.ts';
import { runtimeBases } from './runtime-base.ts';

/** A service that answers on its control socket. */
export interface Instance {
  /** Its control socket. */
  readonly socket: string;
  readonly status: ServiceIdentity;
}

/** Which service is meant. Both undefined: the only one there is. */
export interface InstanceChoice {
  /** The configuration file it was started with. */
  readonly config?: string | undefined;
  readonly pid?: number | undefined;
}

/** All services that answer, oldest first. */
export async function findInstances(
  bases: readonly string[] = runtimeBases(),
  uid: number | undefined = process.getuid?.(),
): Promise<Instance[]> {
  const launched = uid === 0 ? bases.flatMap(launchedBases) : [];
  const sockets = [...bases.map((path) => ({ path, uid })), ...launched].flatMap((base) =>
    foldersIn(base.path, base.uid).map((folder) => controlPath(join(base.path, folder))),
  );
  const asked = await Promise.allSettled(
    sockets.map(async (socket) => ({ socket, status: await askIdentity(socket, 2_000) })),
  );
  return asked
    .flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    .sort((a, b) => a.status.startedAt - b.status.startedAt);
}

/**
 * The one service that is meant.
 * @throws NOT_RUNNING when there is none, or more than one
 */
export function chooseInstance(instances: readonly Instance[], { config, pid }: InstanceChoice): Instance {
  const file = config === undefined ? undefined : realPath(config);
  const meant = instances.filter(
    ({ status }) =>
      (pid === undefined || status.pid === pid || status.launcher === pid) &&
      (file === undefined || (status.config !== null && realPath(status.config) === file)),
  );
  if (meant.length === 1) return meant[0]!;
  if (meant.length > 1) {
    throw new PosternError(
      'NOT_RUNNING',
      `${meant.length} services run here: choose one with --pid or -c:\n${list(meant)}`,
    );
  }
  const named =
    pid !== undefined ? ` with pid ${pid}` : config !== undefined ? ` with the configuration ${config}` : '';
  const missing = config !== undefined && !existsSync(config) ? `: there is no file ${config}` : '';
  const others = instances.length > 0 && named !== '' ? `; these do:\n${list(instances)}` : '';
  throw new PosternError('NOT_RUNNING', `no service${named} runs under this user${missing}${others}`);
}

function list(instances: readonly Instance[]): string {
  const rows = instances.map(({ status: { pid, config, listeners } }) => [
    String(pid),
    config ?? listeners[0]?.root ?? '',
    listeners.map(({ url, address }) => url ?? address).join(' '),
  ]);
  const titles = ['pid', 'configuration or folder', 'address'];
  const columns = titles.map((title, index) => ({ title, align: index === 0 ? 'right' : 'left' }) as const);
  return formatTable(columns, rows)
    .map((line) => `  ${line}`)
    .join('\n');
}

/** Folders of services in a base of that user: in /tmp another user may have made one of that name, with a service that is none. */
function foldersIn(base: string, uid: number | undefined): string[] {
  try {
    return uid === undefined || lstatSync(base).uid === uid ? readdirSync(base) : [];
  } catch {
    return []; // no service ran under this user since the machine's start
  }
}

/** Where services of other users are, that root has started: each has a base of its own, named by the user's number. */
function launchedBases(base: string): { readonly path: string; readonly uid: number }[] {
  try {
    // In a folder where others write, such as /tmp, anybody could have made it.
    if ((lstatSync(dirname(base)).mode & 0o002) !== 0) return [];
    const prefix = `${basename(base)}-`;
    return readdirSync(dirname(base))
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => ({ path: join(dirname(base), name), uid: Number(name.slice(prefix.length)) }))
      .filter(({ uid }) => uid !== 0);
  } catch {
    return [];
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it was removed since the start; compare as written
  }
}

/** An ADDRESS_IN_USE error with the service that has the address, where it is one of ours. */
export async function withOwner(error: PosternError): Promise<PosternError> {
  const owner = (await findInstances()).find(
    ({ status }) =>
      status.pid !== process.pid &&
      [...status.listeners.map(({ address }) => address), status.admin ?? ''].some((address) =>
        isNamed(error.message, address),
      ),
  );
  if (owner === undefined) return error;
  const { pid } = owner.status;
  const where = error.message.split(' is in use')[0];
  return new PosternError(
    'ADDRESS_IN_USE',
    `${where} is in use by the service with pid ${pid}: stop it with postern stop --pid ${pid}, or listen elsewhere`,
    { cause: error },
  );
}

function isNamed(message: string, address: string): boolean {
  const plain = address.replace(/^http:\/\//, '').replace(/\/$/, '');
  return plain !== '' && message.startsWith(`${plain} `);
}
