// Compiled code of an earlier start is used again, from a folder that nobody else can write to: what is in it runs as ours.
// JavaScript, since the first TypeScript that is loaded without such code brings Node's compiler of it along: 20 ms and 14 MB.

import { existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';

/** Keeps compiled code in the user's own cache folder; does nothing where there is none. */
export function keepCompiledCode() {
  const folder = cacheFolder(process.env);
  if (folder !== null) enableCompileCache(folder);
}

// Made when missing; null where there is none that is the user's alone. Node's own choice is in the system's temporary folder, where
// another user could have made it first, with code for root in it.
function cacheFolder({ XDG_CACHE_HOME, HOME = '' }) {
  const folder = join(XDG_CACHE_HOME ?? join(HOME, '.cache'), 'postern');
  if (!isAbsolute(folder)) return null;
  try {
    if (!isOutOfReach(realpathSync(nearestFolder(folder)))) return null;
    make(folder);
    return isOwn(folder) ? folder : null;
  } catch {
    return null; // it cannot be written, as in a container or under a unit that protects it
  }
}

function nearestFolder(path) {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

// Not by mkdir's own `recursive`, which never returns where a folder cannot be made though the one above it is there, as in /proc.
function make(path) {
  if (existsSync(path)) return;
  make(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

// Whether nobody but this user and root can put another folder in its place, or in that of one above it, between this look and the
// loading of what is in it. sudo may leave HOME and XDG_CACHE_HOME as they were: root makes nothing in a home of somebody else,
// and believes nothing there.
function isOutOfReach(path) {
  const { uid, mode } = statSync(path);
  const mine = process.getuid?.();
  // In a folder with the sticky bit, such as /tmp, only its owner can move a folder.
  const isOpen = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  if (mine !== undefined && ((uid !== mine && uid !== 0) || isOpen)) return false;
  return dirname(path) === path || isOutOfReach(dirname(path));
}

// A folder of this user that no other can write to.
function isOwn(path) {
  const stat = lstatSync(path);
  const uid = process.getuid?.();
  return stat.isDirectory() && (uid === undefined || (stat.uid === uid && (stat.mode & 0o022) === 0));
}
