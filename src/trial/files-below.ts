// The files below a folder, for a look at what a site holds: so many at most, and no link is followed.

import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One file. */
export interface FileBelow {
  readonly path: string;
  /** Its size; 0: it has gone meanwhile. */
  bytes(): number;
}

/** More than that are looked at by nobody while a person waits. */
const mostFiles = 50_000;

/** Walks; folders that cannot be read are passed over. */
export function* filesBelow(root: string): Generator<FileBelow> {
  const folders = [root];
  let count = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      if (!entry.isFile()) continue;
      count += 1;
      if (count > mostFiles) return;
      yield { path, bytes: () => statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
    }
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
