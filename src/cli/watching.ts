// Tells when the files of an application change, for `serve app.ts`: its own folder and those below, but what packages and tools keep there.

import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

/** What an application is made of. */
const sourceName = /\.(?:[cm]?[jt]sx?|json)$/i;
/** Folders that are not watched: what is installed, and what begins with a dot. */
const otherFolder = /^(?:\.|node_modules$)/;
/** A watch is a descriptor of the kernel; whoever has more folders starts it anew himself. */
const mostFolders = 1_000;
/** An editor writes a file in several steps, and a tool several files. */
const quietMs = 100;

/**
 * Watches until the function that it returns is called.
 * @param onChange called once for changes that come together, with the name of one of the files
 */
export function watchFiles(folder: string, onChange: (name: string) => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  let quiet: NodeJS.Timeout | null = null;

  const changed = (name: string): void => {
    if (quiet !== null) clearTimeout(quiet);
    quiet = setTimeout(() => onChange(name), quietMs);
  };
  const add = (path: string): void => {
    if (watchers.has(path) || watchers.size >= mostFolders) return;
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => look(path, name));
      watcher.on('error', () => remove(path));
      watchers.set(path, watcher);
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory() && !otherFolder.test(entry.name)) add(join(path, entry.name));
      }
    } catch {
      remove(path); // it is gone, or not for us
    }
  };
  const remove = (path: string): void => {
    watchers.get(path)?.close();
    watchers.delete(path);
  };
  const look = (path: string, name: string | null): void => {
    if (name === null) return;
    if (sourceName.test(name)) changed(name);
    const inner = join(path, name);
    const isFolder = statSync(inner, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (isFolder && !otherFolder.test(name)) add(inner);
    else if (!isFolder) remove(inner);
  };

  add(folder);
  return () => {
    if (quiet !== null) clearTimeout(quiet);
    for (const path of [...watchers.keys()]) remove(path);
  };
}
