// Where a service keeps what must outlive it, and a user what is his own.

import { join, resolve } from 'node:path';
import type { ConfigValues } from './config-schema.ts';

/** Absolute path of the store, where accounts and certificates are kept. */
export function storeFolder({ store }: ConfigValues['acme'], folder: string): string {
  return store === undefined ? join(stateFolder(), 'acme') : resolve(folder, store);
}

/** The same; null: no site gets its certificates by itself. */
export function neededStore({ acme, site }: Pick<ConfigValues, 'acme' | 'site'>, folder: string): string | null {
  return Object.values(site).some(({ tls }) => tls === 'auto') ? storeFolder(acme, folder) : null;
}

/** Where a service keeps what must outlive it. */
export function stateFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number = process.getuid?.() ?? 1,
): string {
  // systemd gives several, with colons between them.
  const given = env.STATE_DIRECTORY?.split(':')[0];
  if (given?.startsWith('/')) return given;
  return uid === 0 ? '/var/lib/postern' : dataFolder(env);
}

/** Where a user's own things are. */
export function dataFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const data = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(env.HOME ?? '/', '.local', 'share');
  return join(data, 'postern');
}
