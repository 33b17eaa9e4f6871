// Compiled code of an earlier start is used again, from a folder that nobody else can write to: what is in it runs as ours.

import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { isAbsolute, join } from 'node:path';

/** Where it is kept, made when missing: in the user's own cache folder. Does nothing where there is none. */
export function keepCompiledCode(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number | undefined = process.getuid?.(),
): void {
  const folder = cacheFolder(env, uid);
  if (folder !== null) enableCompileCache(folder);
}

/**
 * The folder for compiled code; null where there is none that is the user's alone. Node's own choice is in the system's temporary
 * folder, where another user could have made it first, with code for root in it.
 */
export function cacheFolder(
  { XDG_CACHE_HOME, HOME = '' }: Readonly<Record<string, string | undefined>>,
  uid: number | undefined,
): string | null {
  const base = XDG_CACHE_HOME ?? join(HOME, '.cache');
  if (!isAbsolute(base)) return null;
  const folder = join(base, 'postern');
  try {
    // sudo may leave HOME as it was: root makes nothing in a home of somebody else, and believes nothing there.
    if (XDG_CACHE_HOME === undefined && !isOwn(HOME, uid)) return null;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOwn(folder, uid) ? folder : null;
  } catch {
    return null; // it cannot be written, as in a container or under a unit that protects it
  }
}

/** Whether it is a folder of this user that no other can write to. */
function isOwn(path: string, uid: number | undefined): boolean {
  const stat = lstatSync(path);
  return stat.isDirectory() && (uid === undefined || (stat.uid === uid && (stat.mode & 0o022) === 0));
}
