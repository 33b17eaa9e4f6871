// Compiled code of an earlier start is used again, from a folder that nobody else can write to: what is in it runs as ours.
// JavaScript, since the first TypeScript that is loaded without such code brings Node's compiler of it along: 20 ms and 14 MB.

import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { isAbsolute, join } from 'node:path';

/** Keeps compiled code in the user's own cache folder; does nothing where there is none. */
export function keepCompiledCode() {
  const folder = cacheFolder(process.env);
  if (folder !== null) enableCompileCache(folder);
}

// Made when missing; null where there is none that is the user's alone. Node's own choice is in the system's temporary folder, where
// another user could have made it first, with code for root in it.
function cacheFolder({ XDG_CACHE_HOME, HOME = '' }) {
  const base = XDG_CACHE_HOME ?? join(HOME, '.cache');
  if (!isAbsolute(base)) return null;
  const folder = join(base, 'postern');
  try {
    // sudo may leave HOME as it was: root makes nothing in a home of somebody else, and believes nothing there.
    if (XDG_CACHE_HOME === undefined && !isOwn(HOME)) return null;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOwn(folder) ? folder : null;
  } catch {
    return null; // it cannot be written, as in a container or under a unit that protects it
  }
}

// A folder of this user that no other can write to.
function isOwn(path) {
  const stat = lstatSync(path);
  const uid = process.getuid?.();
  return stat.isDirectory() && (uid === undefined || (stat.uid === uid && (stat.mode & 0o022) === 0));
}
