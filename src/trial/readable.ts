// Whether those who are to read a folder can: the users of pools that run its scripts, and the one who serves its files.

import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { whyUnreadable } from '../worker/reading-rights.ts';

/** A folder that somebody needs and cannot read, in words. */
export interface Unreadable {
  readonly site: string;
  /** What cannot be read, and what to do. */
  readonly message: string;
}

/** Looks at the folders of all sites and of their routes, for each user who needs them. */
export async function unreadableRoots({ values, folder }: Config): Promise<Unreadable[]> {
  const found: Unreadable[] = [];
  for (const [site, { root, route: routes }] of Object.entries(values.site)) {
    const needed = new Map<string, readonly [path: string, user: string | null]>();
    const need = (path: string, user: string | null): void => {
      needed.set(`${user ?? ''} ${path}`, [path, user]);
    };
    need(resolve(folder, root), null);
    for (const route of routes) {
      const pool = route.kind === 'pool' ? values.pool[route.pool] : undefined;
      // Whoever runs an application needs its own files alone; a server elsewhere has its own user.
      if (pool === undefined || (pool.kind !== 'php' && pool.kind !== 'cgi')) continue;
      const own = 'root' in route && typeof route.root === 'string' ? route.root : root;
      need(resolve(folder, own), pool.user ?? null);
    }
    for (const [path, user] of needed.values()) {
      const message = await whyUnreadable(path, user);
      if (message !== null) found.push({ site, message });
    }
  }
  return found;
}
