// Started as root: the first steps of a launch. Addresses are bound, and the service is started; it loads while the rest of the launcher does.

import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadConfig } from '../config/config.ts';
import type { ConfigValues } from '../config/config-schema.ts';
import { formatListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { plannedListeners } from '../config/listener-rules.ts';
import { stateFolder } from '../config/state-folder.ts';
import { defaultThreads, type Threads, threadCount } from '../config/thread-count.ts';
import { runtimeBases } from '../control/runtime-base.ts';
import { PosternError } from '../errors.ts';
import type { Becoming } from '../launcher/becoming.ts';
import { type ConfiguredAddress, HeldSockets } from '../launcher/held-sockets.ts';
import type { Ahead } from '../launcher/requests.ts';
import { type ServiceProcess, type ServiceStart, startService } from '../launcher/service-process.ts';
import { programUmask } from '../worker/program.ts';
import type { Account } from '../worker/user.ts';
import { configuredAhead } from './php-ahead.ts';

/** What runs as the service: as TypeScript from a checkout, as JavaScript when built. */
export const serviceEntry = fileURLToPath(new URL(`./launched-service${extname(import.meta.url)}`, import.meta.url));

/** A launch that has begun. */
export interface BegunLaunch {
  readonly start: ServiceStart;
  readonly sockets: HeldSockets;
  readonly first: ServiceProcess;
}

/** What the service is started with. */
export interface ToInherit {
  readonly addresses: readonly ConfiguredAddress[];
  readonly threads: Threads;
  readonly ahead: Ahead;
}

/** @param threads in place of what the configuration says */
export function toInherit({ values, origin }: ReadConfig, threads: Threads | undefined): ToInherit {
  return {
    addresses: addressesOf(values),
    threads: threads ?? values.service.threads ?? defaultThreads,
    ahead: configuredAhead(values, origin.folder),
  };
}

function addressesOf({ site, admin }: ConfigValues): ConfiguredAddress[] {
  const sites = plannedListeners(site).map(({ address, access }) => ({
    ...access,
    listen: formatListenAddress(address),
    address: address.address,
  }));
  return admin === undefined ? sites : [...sites, configuredAddress(admin.listen)];
}

/** One of which nothing else is said. */
export function configuredAddress(text: string): ConfiguredAddress {
  const parsed = parseListenAddress(text);
  return { listen: formatListenAddress(parsed), address: parsed.address, mode: 0o660 };
}

/**
 * Begins it. Whoever does not go on with it abandons it.
 * @param output see ServiceStart
 * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left
 */
export async function beginLaunch(
  becoming: Becoming,
  { addresses, threads, ahead }: ToInherit,
  output: ServiceStart['output'],
): Promise<BegunLaunch> {
  process.umask(programUmask);
  const runtime = `${runtimeBases()[0]!}-${becoming.account.id}`;
  makeFolderFor(becoming.account, runtime);
  const sockets = new HeldSockets();
  sockets.prepare(addresses);
  sockets.settle(true);
  try {
    await sockets.bindAll();
  } catch (error) {
    sockets.close();
    throw error;
  }
  const env = environmentOf(becoming.account, runtime);
  const start: ServiceStart = { becoming, entry: serviceEntry, env, cwd: '/', ahead, output };
  return { start, sockets, first: startService(start, { sockets: sockets.all, copies: threadCount(threads) }) };
}

/** Nothing comes of it. */
export async function abandonLaunch({ first, sockets }: BegunLaunch): Promise<void> {
  first.child.kill('SIGKILL');
  sockets.close();
  await first.ended;
}

/** What the service sees of our environment: all but what is root's own. */
function environmentOf({ name, home }: Account, runtime: string): Record<string, string> {
  const own = {
    HOME: home,
    USER: name,
    LOGNAME: name,
    POSTERN_RUNTIME_DIR: runtime,
    XDG_CACHE_HOME: `${runtime}/cache`,
    // Without it the service, which Node starts directly, would compile all of itself at each start.
    NODE_COMPILE_CACHE: `${runtime}/cache/postern`,
    // Where root keeps what the service is to find again.
    STATE_DIRECTORY: stateFolder(),
  };
  const kept = Object.entries(process.env).filter(
    ([key, value]) => value !== undefined && !/^(?:SUDO_|XDG_|NODE_CHANNEL_|MAIL$|SHELL$|PWD$|OLDPWD$)/.test(key),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...own };
}

/** The folder where the service has its control socket: its own, and nobody else's. @throws CONFIG_INVALID */
function makeFolderFor({ id, group, name }: Account, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chownSync(path, Number(id), Number(group));
  }
  const status = lstatSync(path);
  if (status.isDirectory() && String(status.uid) === id && (status.mode & 0o022) === 0) return;
  throw new PosternError('CONFIG_INVALID', `${path} is not a folder that only ${name} can write to: remove it`);
}
